import type { PostgresPool, PostgresPoolClient } from 'kysely';
import { type Pool, type PoolClient, type QueryConfig, TypeOverrides, types } from 'pg';
import { StatementNames } from '../db/statement-names.ts';

/** MikroORM reads these as text, and so does our code. */
const { DATE, TIMESTAMP, TIMESTAMPTZ, INTERVAL } = types.builtins;
const instantsAsText = new TypeOverrides();
for (const type of [DATE, TIMESTAMP, TIMESTAMPTZ, INTERVAL]) {
  instantsAsText.setTypeParser(type, (text) => text);
}

/** Of all pools of the process. */
const usualNames = new StatementNames();

/** A statement for the driver, which prepares it at its first use on each connection, and gives instants as text. */
export function prepared(text: string, values: readonly unknown[] = [], names = usualNames): QueryConfig {
  const statement: QueryConfig = { text, values: [...values], types: instantsAsText };
  // MikroORM writes its values into the text: such a statement has none, and should not be prepared.
  const name = values.length > 0 ? names.of(text) : undefined;
  return name === undefined ? statement : { ...statement, name };
}

/**
 * The pool of the process as MikroORM and Kysely use it: statements are prepared, and instants are text. Graphile Worker
 * uses the pool itself, since it names its statements and expects instants to be Dates.
 */
export class KyselyPool implements PostgresPool {
  readonly options: object;
  readonly #pool: Pool;
  readonly #names: StatementNames;

  /** Does not end `pool`: its owner does. */
  constructor(pool: Pool, names = usualNames) {
    this.#pool = pool;
    this.#names = names;
    this.options = pool.options;
  }

  async connect(): Promise<PostgresPoolClient> {
    return new KyselyClient(await this.#pool.connect(), this.#names);
  }

  async end(): Promise<void> {}
}

class KyselyClient implements PostgresPoolClient {
  readonly #client: PoolClient;
  readonly #names: StatementNames;

  constructor(client: PoolClient, names: StatementNames) {
    this.#client = client;
    this.#names = names;
  }

  query(text: unknown, values?: readonly unknown[]): never {
    return this.#client.query(prepared(text as string, values, this.#names)) as never;
  }

  release(): void {
    this.#client.release();
  }
}
