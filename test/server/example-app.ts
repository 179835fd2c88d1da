import { buildSchema, GraphQLError, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { Metrics } from '../../src/metrics/metrics.ts';
import { App } from '../../src/server/app.ts';
import { defaultTuning, type Tuning } from '../../src/server/tuning.ts';
import {
  InvalidInputError,
  InvalidStateError,
  NotFoundError,
  UnauthenticatedError,
} from '../../src/tasks/domain/errors.ts';
import type { Credential } from '../../src/tasks/domain/viewer.ts';
import { TestSource } from './test-source.ts';

/** Named after its token. Tokens with the same first letter after `good-` have the same access scope. */
export interface Viewer {
  readonly name: string;
}

export interface Context {
  readonly viewer: Viewer;
}

export interface Thing {
  readonly revision: number;
  readonly text?: string;
}

type Resolver = GraphQLFieldResolver<unknown, Context, Record<string, unknown>>;

const sdl = /* GraphQL */ `
  type Query {
    me: String!
    self: Query
    echo(text: String): String
    first(first: Int! = 5): Int
    input(input: ThingInput): String
    fails(how: String!): String
    waits: String
  }
  input ThingInput { text: String!, inner: ThingInput }
  type Mutation { touch: Int!, fail(how: String!): Int }
  type Subscription { thing(name: String): Thing! }
  type Thing { revision: Int!, text: String, viewer: String!, same(text: String): String, breaks: Int, wobbles: Int }
`;

/** A server with a schema of the test's own, and the controls that tests need. */
export class ExampleApp {
  readonly app: App<Viewer, Context>;
  readonly schema: GraphQLSchema = buildSchema(sdl);
  readonly log: Record<string, unknown>[] = [];
  /** The sources of subscriptions to `thing`, in the order in which they were opened. */
  readonly sources: TestSource<Thing>[] = [];
  /** How often `Thing.revision` was resolved. */
  executions = 0;
  touched = 0;
  /** How often `Thing.wobbles` fails before it works. */
  wobbles = 0;
  notReady: string | null | Error | 'never' = null;
  /** `Query.waits` resolves `waiting` when it runs, and returns once `gate` is resolved. */
  readonly gate = Promise.withResolvers<string>();
  readonly waiting = Promise.withResolvers<void>();
  /** The secret of a login is here the token that it was made from. */
  authenticate = async (credential: Credential): Promise<Viewer> => {
    const authorization = 'login' in credential ? `Bearer ${credential.login}` : credential.authorization;
    const name = /^Bearer (good-\w+)$/.exec(authorization)?.[1];
    if (!name) throw new UnauthenticatedError('A valid token is required.');
    return { name };
  };
  readonly endedLogins: string[] = [];
  /** Ends a viewer's credential, by the viewer's name. */
  readonly ends = new Map<string, () => void>();
  /** Replaces the source of `thing`. */
  openThing: (args: Record<string, unknown>) => unknown = () => {
    const source = new TestSource<Thing>();
    this.sources.push(source);
    return source;
  };

  constructor(
    tuning: Partial<Tuning> = {},
    corsOrigins: readonly string[] = [],
    options: { allowIntrospection?: boolean; host?: string } = {},
  ) {
    this.#resolve('Query', 'me', (_source, _args, { viewer }) => viewer.name);
    this.#resolve('Query', 'self', () => ({}));
    this.#resolve('Query', 'echo', (_source, { text }) => text);
    this.#resolve('Query', 'first', (_source, { first }) => first);
    this.#resolve('Query', 'fails', (_source, { how }) => fail(how));
    this.#resolve('Query', 'waits', () => {
      this.waiting.resolve();
      return this.gate.promise;
    });
    this.#resolve('Mutation', 'touch', () => ++this.touched);
    this.#resolve('Mutation', 'fail', (_source, { how }) => fail(how));
    this.#resolve('Subscription', 'thing', (thing) => thing);
    this.#field('Subscription', 'thing').subscribe = (_source, args) => this.openThing(args);
    this.#resolve('Thing', 'revision', (thing) => {
      this.executions += 1;
      return (thing as Thing).revision;
    });
    this.#resolve('Thing', 'viewer', (_thing, _args, { viewer }) => viewer.name);
    this.#resolve('Thing', 'same', (_thing, { text }) => text);
    this.#resolve('Thing', 'breaks', () => fail('boom'));
    this.#resolve('Thing', 'wobbles', () => {
      if (this.wobbles-- > 0) throw new Error('not now');
      return 1;
    });
    const keep = { write: (line: string) => this.log.push(JSON.parse(line)) };
    this.app = new App(
      {
        schema: this.schema,
        host: options.host ?? '127.0.0.1',
        port: 0,
        corsOrigins,
        allowIntrospection: options.allowIntrospection ?? true,
        logger: pino({ level: 'trace' }, keep),
        authenticate: async (credential) => {
          const viewer = await this.authenticate(credential);
          const onEnd = (callback: () => void) => {
            this.ends.set(viewer.name, callback);
            return () => this.ends.delete(viewer.name);
          };
          return { viewer, onEnd };
        },
        logins: {
          start: async (token) => {
            await this.authenticate({ authorization: `Bearer ${token}` });
            return { secret: token, lastsMs: 60_000 };
          },
          end: async (secret) => {
            await this.authenticate({ login: secret });
            this.endedLogins.push(secret);
          },
        },
        chargeInvalid: async () => {},
        createContext: (viewer) => ({ viewer }),
        renewContext: ({ viewer }) => ({ viewer }),
        accessScope: (viewer) => viewer.name.slice(0, 'good-x'.length),
        metrics: new Metrics(),
        healthReport: async () => 'ok   EXAMPLE All is well.\n',
        isOperator: (viewer) => viewer.name === 'good-owner',
        lagOf: () => undefined,
        isTransient: (error) => error instanceof Error && error.message === 'not now',
        readiness: async () => {
          if (this.notReady instanceof Error) throw this.notReady;
          return this.notReady === 'never' ? new Promise(() => undefined) : this.notReady;
        },
      },
      { ...defaultTuning, ...tuning },
    );
  }

  #field(type: string, name: string) {
    const field = this.schema.getType(type);
    if (!field || !('getFields' in field)) throw new Error(`no type ${type}`);
    const found = field.getFields()[name];
    if (!found || !('subscribe' in found)) throw new Error(`no field ${type}.${name}`);
    return found;
  }

  #resolve(type: string, name: string, resolver: Resolver): void {
    this.#field(type, name).resolve = resolver;
  }
}

/** Starts a server, and stops it when the test is finished. */
export async function startExample(
  tuning?: Partial<Tuning>,
  corsOrigins?: readonly string[],
  options?: { allowIntrospection?: boolean; host?: string },
): Promise<ExampleApp & { url: string }> {
  const example = new ExampleApp({ drainWindow: 50, finishTimeout: 300, ...tuning }, corsOrigins, options);
  const { url } = await example.app.start();
  onTestFinished(() => example.app.stop());
  return Object.assign(example, { url });
}

function fail(how: unknown): never {
  switch (how) {
    case 'missing':
      throw new NotFoundError('There is no such thing.');
    case 'input':
      throw new InvalidInputError('The text is empty.', { field: 'text' });
    case 'state':
      throw new InvalidStateError('Not now.', 'init_ensure_name');
    case 'coded':
      throw new GraphQLError('Too much.', { extensions: { code: 'QUERY_TOO_COMPLEX' } });
    case 'undocumented':
      throw new GraphQLError('secret', { extensions: { code: 'NOT_IN_THE_TABLE' } });
    case 'uncoded':
      throw new GraphQLError('secret of a library');
    default:
      throw new Error('secret of the database');
  }
}
