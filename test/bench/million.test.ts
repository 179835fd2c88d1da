import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { fill } from '../../bench/million/fill.ts';
import { operationsOn } from '../../bench/million/operations.ts';
import { type Database, openDatabase } from '../../src/tables/database.ts';
import { StoredTasks } from '../support/stored-tasks.ts';

const amount = { tasks: 20_000, eventsPerTask: 2 };
/** All that grow with the number of tasks that were ever made. */
const bigTables = [
  'task',
  'task_search',
  'task_event',
  'session',
  'prompt',
  'sandbox',
  'idempotency_key',
  'conversation',
  'transcript_item',
];

/**
 * Of tasks, for one call: a page, all that have a rare word or belong to a project, and what a search looks through, twice: its
 * ids come from the table too where PostgreSQL does not know yet that the index is enough.
 */
const mostRows = 1_100;

/**
 * What PostgreSQL knows: until the next vacuum, which long transactions hold up, not that indexes alone are enough. First it may
 * read whole tables, as it may not in our sessions: what has no index for what it looks for shows itself so.
 */
const knowledge = {
  'all visible': { learn: 'select', setting: 'enable_seqscan = on' },
  'none known to be visible': {
    learn: `update pg_class set relallvisible = 0 where relname = 'task'`,
    setting: 'enable_seqscan = off',
  },
};

it('no operation reads a table that grows with the tasks as a whole, nor many tasks through an index, nor is planned each time', async () => {
  await using stored = await StoredTasks.create();
  const model = await stored.create();
  await fill(stored.url, amount, model.id);
  const scanned: Record<string, string[]> = {};
  const readMuch: Record<string, number> = {};
  const planned: Record<string, string[]> = {};
  for (const [known, { learn, setting }] of Object.entries(knowledge)) {
    await stored.sql(learn);
    // One connection, which counts its scans itself: the counters of others arrive a second late.
    await using parts = new AsyncDisposableStack();
    const db = parts.adopt(await openDatabase(stored.url, { poolSize: 1 }), (each) => each.close());
    await sql.raw(`set ${setting}`).execute(db.kysely);
    const operations = await operationsOn(db, amount);
    expect(operations.size).toBeGreaterThan(30);
    expect(Object.keys((await counted(db)).scans)).toHaveLength(bigTables.length);
    for (const [operation, run] of operations) {
      const name = `${operation}, ${known}`;
      const before = await counted(db);
      // From the sixth call on PostgreSQL may use another plan.
      for (let call = 0; call < 7; call += 1) await run();
      const after = await counted(db);
      const tables = bigTables.filter((table) => after.scans[table] !== before.scans[table]);
      if (tables.length > 0) scanned[name] = tables;
      const rows = (after.rowsOfTasks - before.rowsOfTasks) / 7;
      if (rows > mostRows) readMuch[name] = rows;
    }
    planned[known] = await plannedEachTime(db);
  }
  expect(scanned).toEqual({});
  expect(readMuch).toEqual({});
  // Only the look for lost wake-ups, which knows that there are few events since the last one.
  const lookForWakeUps = [expect.stringContaining('pg_current_snapshot')];
  expect(planned).toEqual({ 'all visible': lookForWakeUps, 'none known to be visible': lookForWakeUps });
});

/** The statements for which PostgreSQL thinks a plan for the very values cheaper than one for all, so that it makes one each time. */
async function plannedEachTime(db: Database): Promise<string[]> {
  const { rows } = await sql<{ statement: string }>`
    select statement from pg_prepared_statements where generic_plans = 0 and custom_plans >= 7`.execute(
    db.kysely,
  );
  return rows.map(({ statement }) => statement);
}

async function counted(db: Database) {
  await sql`select pg_stat_force_next_flush()`.execute(db.kysely);
  const { rows } = await sql<{ relname: string; seq_scan: string; idx_tup_fetch: string }>`
    select relname, seq_scan, idx_tup_fetch from pg_stat_user_tables where relname = any (${bigTables})`.execute(
    db.kysely,
  );
  return {
    scans: Object.fromEntries(rows.map(({ relname, seq_scan }) => [relname, Number(seq_scan)])),
    rowsOfTasks: Number(rows.find(({ relname }) => relname === 'task')?.idx_tup_fetch),
  };
}
