import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { type Kysely, sql, type Transaction } from 'kysely';
import { answerTimeoutMs } from '../db/connection.ts';
import { ReadOnlyDatabaseError } from '../db/connection-error.ts';
import { ConnectionPool, type ConnectionPoolOptions } from '../db/connection-pool.ts';
import { DatabaseClock } from '../db/database-clock.ts';
import { retryOnDeadlock } from '../db/retry.ts';
import { KyselyPool } from './kysely-pool.ts';
import { ormOptions } from './orm.ts';
import type { Tables } from './tables.ts';

/** Runs reads whose text never changes: for what is read at each revision. */
export interface Reader {
  read<Row>(text: string, values: readonly unknown[]): Promise<Row[]>;
}

/** Access to the database, on a pool or in one transaction: `kysely` is MikroORM's typed query builder. */
export class Database implements Reader {
  readonly orm: MikroORM;
  /** For Graphile Worker, which runs its own statements. */
  readonly pool: ConnectionPool;
  readonly kysely: Kysely<Tables>;
  readonly clock: DatabaseClock;
  readonly #transaction: Transaction<Tables> | undefined;
  readonly #reads: KyselyPool;

  constructor(
    orm: MikroORM,
    pool: ConnectionPool,
    within?: { transaction: Transaction<Tables>; clock: DatabaseClock },
  ) {
    this.orm = orm;
    this.pool = pool;
    this.#reads = new KyselyPool(pool);
    this.#transaction = within?.transaction;
    this.kysely = within?.transaction ?? (orm.em.fork() as EntityManager).getKysely<Tables>();
    this.clock = within?.clock ?? new DatabaseClock(() => readClock(this.kysely));
  }

  /** A new EntityManager, without entities that were read before. */
  em(): EntityManager {
    const em = this.orm.em.fork();
    if (this.#transaction) em.setTransactionContext(this.#transaction);
    return em as EntityManager;
  }

  /**
   * Runs `work`, which does nothing but read and write, in one transaction, and again where that was taken back to resolve a deadlock.
   * Not `em.transactional`: MikroORM 7.2.1 never returns a connection to the pool that was lost during BEGIN or COMMIT.
   */
  transaction<T>(work: (transaction: Database) => Promise<T>): Promise<T> {
    return retryOnDeadlock(() =>
      this.kysely
        .transaction()
        .execute((transaction) =>
          work(new Database(this.orm, this.pool, { transaction, clock: this.clock })),
        ),
    );
  }

  /** Runs reads that all see the database as it is at the first of them. */
  snapshot<T>(work: (transaction: Database) => Promise<T>): Promise<T> {
    return this.kysely
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute((transaction) => work(new Database(this.orm, this.pool, { transaction, clock: this.clock })));
  }

  /** Without a query builder in between. In a transaction it would not be a part of it. */
  async read<Row>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const client = await this.#reads.connect();
    try {
      const { rows } = await client.query<Row>(text, values);
      return rows;
    } finally {
      client.release();
    }
  }

  /** Throws ReadOnlyDatabaseError while the database takes no writes. */
  async requireWritable(): Promise<void> {
    const { rows } = await sql<{ writable: boolean }>`
      select not current_setting('transaction_read_only')::bool as writable`.execute(this.kysely);
    if (!rows[0]?.writable) throw new ReadOnlyDatabaseError();
  }

  /** Waits for statements that are under way. */
  async close(): Promise<void> {
    // The pool first: Kysely, once closed, loses a connection that it is just being given, and the pool would wait for it for ever.
    await this.pool.end();
    await this.orm.close(true);
  }
}

export interface OpenDatabaseOptions extends Pick<ConnectionPoolOptions, 'onRefused'> {
  /** The most connections that it takes. */
  readonly poolSize: number;
}

/** Connects at the first query. Close it when done. */
export async function openDatabase(
  url: string,
  { poolSize, ...others }: OpenDatabaseOptions,
): Promise<Database> {
  const pool = new ConnectionPool({ url, size: poolSize, statementTimeoutMs: answerTimeoutMs, ...others });
  return new Database(await MikroORM.init(ormOptions({ pool })), pool);
}

async function readClock(kysely: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ ms: number }>`
    select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as ms`.execute(kysely);
  const [row] = rows;
  if (!row) throw new Error('PostgreSQL did not tell the time.');
  return row.ms;
}
