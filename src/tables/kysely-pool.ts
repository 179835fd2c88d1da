import type { PostgresPool, PostgresPoolClient } from 'kysely';
import { type Pool, type PoolClient, type QueryConfig, TypeOverrides, types } from 'pg';
import { statementName } from '../db/statement-name.ts';

/** MikroORM reads these as text, and so does our code. */
const { DATE, TIMESTAMP, TIMESTAMPTZ, INTERVAL } = types.builtins;
const instantsAsText = new TypeOverrides();
for (const type of [DATE, TIMESTAMP, TIMESTAMPTZ, INTERVAL]) {
  instantsAsText.setTypeParser(type, (text) => text);
}

/**
 * The pool of the process as MikroORM and Kysely use it: statements are prepared, and instants are text. Graphile Worker
 * uses the pool itself, since it names its statements and expects instants to be Dates.
 */
export class KyselyPool implements PostgresPool {
  readonly options: object;
  readonly #pool: Pool;

  /** Does not end `pool`: its owner does. */
  constructor(pool: Pool) {
    this.#pool = pool;
    this.options = pool.options;
  }

  async connect(): Promise<PostgresPoolClient> {
    return new KyselyClient(await this.#pool.connect());
  }

  async end(): Promise<void> {}
}

class KyselyClient implements PostgresPoolClient {
  readonly #client: PoolClient;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  query(text: unknown, values?: readonly unknown[]): never {
    const statement: QueryConfig = {
      text: text as string,
      values: [...(values ?? [])],
      types: instantsAsText,
    };
    // MikroORM writes its values into the text: such a statement has none, and should not be prepared.
    const name = values && values.length > 0 ? statementName(statement.text) : undefined;
    return this.#client.query(name === undefined ? statement : { ...statement, name }) as never;
  }

  release(): void {
    this.#client.release();
  }
}
