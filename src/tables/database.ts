import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { type Kysely, sql, type Transaction } from 'kysely';
import { answerTimeoutMs } from '../db/connection.ts';
import { DatabaseClock } from '../db/database-clock.ts';
import { ormOptions } from './orm.ts';
import type { Tables } from './tables.ts';

/** Access to the database, on a pool or in one transaction: `kysely` is MikroORM's typed query builder. */
export class Database {
  readonly orm: MikroORM;
  readonly kysely: Kysely<Tables>;
  readonly clock: DatabaseClock;
  readonly #transaction: Transaction<Tables> | undefined;

  constructor(orm: MikroORM, within?: { transaction: Transaction<Tables>; clock: DatabaseClock }) {
    this.orm = orm;
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
   * Runs `work` in one transaction. Not `em.transactional`: MikroORM 7.2.1 never returns a connection to the pool that was
   * lost during BEGIN or COMMIT.
   */
  transaction<T>(work: (transaction: Database) => Promise<T>): Promise<T> {
    return this.kysely
      .transaction()
      .execute((transaction) => work(new Database(this.orm, { transaction, clock: this.clock })));
  }

  close(): Promise<void> {
    return this.orm.close(true);
  }
}

/** Connects at the first query. Close it when done. */
export async function openDatabase(url: string, options: { poolSize: number }): Promise<Database> {
  return new Database(await MikroORM.init(ormOptions(url, options.poolSize, answerTimeoutMs)));
}

async function readClock(kysely: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ ms: number }>`
    select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as ms`.execute(kysely);
  const [row] = rows;
  if (!row) throw new Error('PostgreSQL did not tell the time.');
  return row.ms;
}
