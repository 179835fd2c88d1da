/** One part of `src`: what it is, and all that it may import besides itself. */
export interface Part {
  /** Below `src`; a longer path goes before the folder that it lies in. */
  readonly folder: string;
  readonly purpose: string;
  /** Other parts. */
  readonly parts: readonly string[];
  /** npm packages; those of Node are free for all but `browser` parts. */
  readonly packages: readonly string[];
  /** Runs in browsers too: no module of Node. */
  readonly browser?: true;
}

/** Single files at the top of `src` that have no import of their own worth a rule: settings, logging, the data folder. */
const basics = 'basics';

/** The allow list. `npm run check` refuses every import that is not in it, and makes ARCHITECTURE.md's table from it. */
export const parts: readonly Part[] = [
  {
    folder: basics,
    purpose:
      'settings, logging, redaction, the data folder, a loop with a pause, what identifies a process: files at the top of `src`',
    parts: [],
    packages: ['pino', 'zod'],
  },
  {
    folder: 'repository',
    purpose: 'how repositories and branches are spelled; looks at nothing outside of the string',
    parts: [],
    packages: [],
  },
  {
    folder: 'metrics',
    purpose: 'what a process counts and measures, for Prometheus',
    parts: [],
    packages: ['prom-client'],
  },
  {
    folder: 'tracing',
    purpose: 'records spans with OpenTelemetry, which is loaded only where it is asked for',
    parts: [basics],
    packages: [
      '@opentelemetry/api',
      '@opentelemetry/context-async-hooks',
      '@opentelemetry/core',
      '@opentelemetry/exporter-trace-otlp-proto',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-trace',
    ],
  },
  {
    folder: 'webhooks',
    purpose: 'sends a signed message to a receiver: which URLs and addresses it may have, and one attempt',
    parts: [],
    packages: ['ipaddr.js', 'standardwebhooks'],
  },
  {
    folder: 'tasks/domain',
    purpose: 'what a task is and what may happen to it: pure, no clock, no database',
    parts: [],
    packages: ['typeid-js'],
  },
  {
    folder: 'db',
    purpose: 'connections to PostgreSQL, and the embedded one; knows no table',
    parts: [basics],
    packages: ['@mikro-orm/core', 'p-retry', 'pg', 'zod'],
  },
  {
    folder: 'tables',
    purpose: 'the tables: entities, MikroORM, migrations',
    parts: ['tasks/domain', 'db'],
    packages: [
      '@mikro-orm/core',
      '@mikro-orm/migrations',
      '@mikro-orm/postgresql',
      'graphile-worker',
      'kysely',
      'pg',
    ],
  },
  {
    folder: 'tasks/store/view',
    purpose: 'the database as one viewer sees it: every read that a request may make',
    parts: ['tasks/domain', 'tasks/store', 'tables'],
    packages: ['kysely'],
  },
  {
    folder: 'tasks/store',
    purpose: 'all SQL: the one writer of a task, leases, reads, jobs, wake-ups, tokens',
    parts: ['tasks/domain', 'tables', 'db', basics],
    packages: ['kysely', 'pg', 'zod'],
  },
  {
    folder: 'tasks',
    purpose: 'the use cases: what may be asked of tasks',
    parts: ['tasks/domain', 'tasks/store', 'tasks/store/view', 'tables', 'repository', 'webhooks', 'tracing'],
    packages: ['zod'],
  },
  {
    folder: 'git',
    purpose: 'remotes and local repositories, through `git`',
    parts: ['tasks/domain', 'repository', basics],
    packages: [],
  },
  {
    folder: 'agents',
    purpose: 'the agent server and its conversations; the demo agent',
    parts: ['tasks/domain'],
    packages: ['@agentclientprotocol/sdk', 'eventsource-parser', 'zod'],
  },
  {
    folder: 'sandbox',
    purpose: 'the contract of a provider, the provider `local`, the registry of both',
    parts: ['tasks/domain', 'agents', 'git', 'repository', basics],
    packages: ['zod'],
  },
  {
    folder: 'worker',
    purpose: 'leases tasks, runs steps, follows sessions, releases sandboxes, sends to webhooks, sweeps',
    parts: [
      'tasks',
      'tasks/domain',
      'tasks/store',
      'tables',
      'sandbox',
      'agents',
      'git',
      'webhooks',
      'metrics',
      'tracing',
      'db',
      basics,
    ],
    packages: ['graphile-worker', 'pg', 'zod'],
  },
  {
    folder: 'access',
    purpose: 'whose a credential is, and for how long',
    parts: ['tasks', 'tasks/domain', 'tasks/store', 'tables', basics],
    packages: ['rate-limiter-flexible'],
  },
  {
    folder: 'realtime',
    purpose: 'what subscribers read: topics, one read for many',
    parts: ['tasks/domain', 'tasks/store', 'tasks/store/view', 'tables', 'db', basics],
    packages: [],
  },
  {
    folder: 'resolvers',
    purpose: 'one root field a file: takes arguments, calls one function, returns',
    // Not `tasks/store`, whose statements do not ask for a viewer.
    parts: ['tasks', 'tasks/domain', 'tasks/store/view', 'realtime'],
    packages: ['dataloader'],
  },
  {
    folder: 'schema',
    purpose: 'the public schema in Pothos',
    parts: ['resolvers', 'tasks', 'tasks/domain', 'tasks/store/view'],
    packages: ['@pothos/core', '@pothos/plugin-complexity', '@pothos/plugin-scope-auth', 'graphql'],
  },
  {
    folder: 'server',
    purpose: 'HTTP and WebSocket: credentials, limits, how errors leave',
    parts: ['realtime', 'tasks/domain', 'metrics', 'tracing', basics],
    packages: ['@graphql-yoga/render-graphiql', 'graphql', 'graphql-ws', 'graphql-yoga', 'ws'],
  },
  {
    folder: 'client',
    purpose: 'the typed client `groundcrew/client`, for browsers too',
    parts: [],
    packages: [
      '@graphql-typed-document-node/core',
      '@urql/core',
      '@urql/exchange-graphcache',
      'graphql',
      'graphql-ws',
      'wonka',
    ],
    browser: true,
  },
  {
    folder: 'web',
    purpose: 'the web page, built into `dist/web`',
    parts: ['client', 'tasks/domain'],
    packages: [
      '@base-ui/react',
      '@tanstack/react-virtual',
      'diff',
      'lucide-react',
      'react',
      'react-dom',
      'sonner',
      'streamdown',
      'urql',
      'wonka',
      'wouter',
    ],
    browser: true,
  },
  {
    folder: 'app',
    purpose: 'puts the parts together',
    parts: [
      'access',
      'metrics',
      'tasks',
      'tasks/domain',
      'tasks/store',
      'tasks/store/view',
      'tables',
      'db',
      'sandbox',
      'worker',
      'realtime',
      'resolvers',
      'schema',
      'server',
      basics,
    ],
    packages: [],
  },
  {
    folder: 'commands',
    purpose: 'what `npm start`, `npm run demo` and the others do',
    parts: [
      'app',
      'client',
      'git',
      'agents',
      'tasks',
      'tasks/domain',
      'tasks/store',
      'tables',
      'db',
      'server',
      'tracing',
      basics,
    ],
    packages: ['pg'],
  },
];
