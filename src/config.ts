import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';

/** All settings, read from the environment. README.md lists their meanings and defaults. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Undefined: the embedded database in `dataDir`. */
  readonly databaseUrl: string | undefined;
  /** Connections of a process to the database, in addition to the few that have a session of their own. */
  readonly dbPool: number;
  /** Absolute. Holds the embedded database, the local sandboxes and the owner's token. */
  readonly dataDir: string;
  /** Undefined: made at the first start and kept in `dataDir`. */
  readonly token: string | undefined;
  /** Names of built-in providers and modules of others; the first is the default. Never empty. */
  readonly providers: readonly [string, ...string[]];
  /** Origins as browsers send them, such as `https://app.example.com`. */
  readonly corsOrigins: readonly string[];
  readonly allowLocalRepos: boolean;
  readonly defaultAgent: string;
  readonly concurrency: number;
  /** Milliseconds. Undefined: each step has its own. */
  readonly stepTimeoutMs: number | undefined;
  readonly stepMaxAttempts: number;
  readonly retryBaseMs: number;
  /** Points that a token may use in a minute, over all servers; 0: no limit. */
  readonly rateLimit: number;
  /** Tasks of a workspace that are neither CANCELED nor ARCHIVED. Undefined: no limit. */
  readonly maxActiveTasks: number | undefined;
  /** Whether clients may ask for the schema, and are told of similar names in errors. */
  readonly allowIntrospection: boolean;
  /** Whether webhooks may have private addresses, and plain http. */
  readonly allowPrivateWebhooks: boolean;
  /** Days for which CANCELED and ARCHIVED tasks are kept. Undefined: for ever. */
  readonly retentionDays: number | undefined;
  /** Where a worker serves its metrics; 0 takes a free port. Undefined: nowhere. */
  readonly metricsPort: number | undefined;
  readonly logLevel: LogLevel;
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** A setting that is wrong. The message is one line, and begins with the setting's name. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

// Each message completes the sentence that begins with the setting's name.

const integer = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,10}$/, message)
    .transform(Number)
    .pipe(z.number(message).min(min, message).max(max, message));
};

const text = z.string().min(1, 'must not be empty');

const names = text
  .transform((value) => value.split(',').map((name) => name.trim()))
  .refine((list) => list.every((name) => name !== ''), 'must be names, separated by commas')
  .refine((list) => new Set(list).size === list.length, 'must not name a provider twice')
  .transform((list) => list as [string, ...string[]]);

/** libpq takes a list of hosts; node-postgres takes one. */
function namesSeveralHosts(url: string): boolean {
  const authority = /^\w+:\/\/([^/?#]*)/.exec(url)?.[1] ?? '';
  const parameter = /[?&]host=([^&#]*)/.exec(url)?.[1] ?? '';
  return /,|%2C/i.test(authority.slice(authority.lastIndexOf('@') + 1) + parameter);
}

const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'must begin with postgres:// or postgresql://')
  .refine((url) => !namesSeveralHosts(url), 'must name one host; put a proxy in front of several')
  .refine(
    // A user without a host, as in postgres://user@/name?host=/run/postgresql, is good for libpq and pg.
    (url) => URL.canParse(url.replace('@/', '@localhost/')),
    'must be a valid URL; in user and password, write / ? # @ : % as %2F %3F %23 %40 %3A %25',
  );

/** Browsers send the origin in lower case, and without the default port. */
const origins = text
  .transform((value) => value.split(',').map((origin) => origin.trim()))
  .refine(
    (list) => list.every((origin) => /^https?:\/\/[^\s/?#@*\\]+\/?$/i.test(origin) && URL.canParse(origin)),
    'must be origins such as https://app.example.com, separated by commas',
  )
  .transform((list) => list.map((origin) => new URL(origin).origin));

const environment = z.object({
  HOST: z
    .string()
    .refine(
      (host) => isIP(host) > 0 || /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(host),
      'must be an IP address or a host name',
    )
    .default('127.0.0.1'),
  PORT: integer(0, 65_535).default(4000),
  DATABASE_URL: databaseUrl.optional(),
  GROUNDCREW_DB_POOL: integer(1, 1000).default(10),
  GROUNDCREW_DATA_DIR: text.default('.groundcrew'),
  GROUNDCREW_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{8,512}$/, 'must be 8 to 512 visible ASCII characters')
    .optional(),
  GROUNDCREW_PROVIDERS: names.default(['local']),
  GROUNDCREW_LOCAL_REPOS: z.enum(['allow', 'deny'], 'must be allow or deny').optional(),
  GROUNDCREW_AGENT: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9._-]{0,63}$/,
      'must be the name of an agent: lower-case letters, digits and . _ -',
    )
    .default('demo'),
  GROUNDCREW_CORS_ORIGINS: origins.default([]),
  GROUNDCREW_CONCURRENCY: integer(1, 1000).default(10),
  GROUNDCREW_STEP_TIMEOUT_MS: integer(1, 86_400_000).optional(),
  GROUNDCREW_STEP_MAX_ATTEMPTS: integer(1, 1000).default(5),
  GROUNDCREW_RETRY_BASE_MS: integer(1, 60_000).default(1000),
  GROUNDCREW_RATE_LIMIT: integer(0, 1_000_000_000).default(6000),
  GROUNDCREW_MAX_ACTIVE_TASKS: integer(1, 1_000_000).optional(),
  GROUNDCREW_INTROSPECTION: z.enum(['allow', 'deny'], 'must be allow or deny').default('allow'),
  GROUNDCREW_WEBHOOK_ALLOW_PRIVATE: z
    .enum(['true', '1', 'allow', 'false', '0', 'deny'], 'must be true or false')
    .default('false'),
  GROUNDCREW_RETENTION_DAYS: integer(1, 36_500).optional(),
  GROUNDCREW_METRICS_PORT: integer(0, 65_535).optional(),
  LOG_LEVEL: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`).default('info'),
});

/** The names of all settings. */
export const settingNames: readonly string[] = Object.keys(environment.shape);

/** Reads the settings. Throws ConfigError for the first one that is wrong. Has no other effect. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ConfigError(`${issue?.path.join('.')} ${issue?.message}.`);
  }
  const settings = parsed.data;
  return {
    host: settings.HOST,
    port: settings.PORT,
    databaseUrl: settings.DATABASE_URL,
    dbPool: settings.GROUNDCREW_DB_POOL,
    dataDir: resolve(settings.GROUNDCREW_DATA_DIR),
    token: settings.GROUNDCREW_TOKEN,
    providers: settings.GROUNDCREW_PROVIDERS,
    allowLocalRepos: settings.GROUNDCREW_LOCAL_REPOS
      ? settings.GROUNDCREW_LOCAL_REPOS === 'allow'
      : isLoopback(settings.HOST),
    defaultAgent: settings.GROUNDCREW_AGENT,
    corsOrigins: settings.GROUNDCREW_CORS_ORIGINS,
    concurrency: settings.GROUNDCREW_CONCURRENCY,
    stepTimeoutMs: settings.GROUNDCREW_STEP_TIMEOUT_MS,
    stepMaxAttempts: settings.GROUNDCREW_STEP_MAX_ATTEMPTS,
    retryBaseMs: settings.GROUNDCREW_RETRY_BASE_MS,
    rateLimit: settings.GROUNDCREW_RATE_LIMIT,
    maxActiveTasks: settings.GROUNDCREW_MAX_ACTIVE_TASKS,
    allowIntrospection: settings.GROUNDCREW_INTROSPECTION === 'allow',
    allowPrivateWebhooks: ['true', '1', 'allow'].includes(settings.GROUNDCREW_WEBHOOK_ALLOW_PRIVATE),
    retentionDays: settings.GROUNDCREW_RETENTION_DAYS,
    metricsPort: settings.GROUNDCREW_METRICS_PORT,
    logLevel: settings.LOG_LEVEL,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
