import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { fill } from '../../bench/million/fill.ts';
import { operationsOn } from '../../bench/million/operations.ts';
import { openDatabase } from '../../src/tables/database.ts';
import { StoredTasks } from '../support/stored-tasks.ts';

const amount = { tasks: 20_000, eventsPerTask: 2 };
/** All that grow with the number of tasks that were ever made. */
const bigTables = [
  'task',
  'task_event',
  'session',
  'prompt',
  'sandbox',
  'idempotency_key',
  'conversation',
  'transcript_item',
];

it('no operation reads the whole of a table that grows with the tasks', async () => {
  await using stored = await StoredTasks.create();
  const model = await stored.create();
  await fill(stored.url, amount, model.id);
  // One connection, which counts its scans itself: the counters of others arrive a second late.
  const db = await openDatabase(stored.url, { poolSize: 1 });
  const operations = await operationsOn(db, amount);
  const scans = async () => {
    await sql`select pg_stat_force_next_flush()`.execute(db.kysely);
    const { rows } = await sql<{ relname: string; seq_scan: string }>`
      select relname, seq_scan from pg_stat_user_tables where relname = any (${bigTables})`.execute(
      db.kysely,
    );
    return Object.fromEntries(rows.map(({ relname, seq_scan }) => [relname, Number(seq_scan)]));
  };
  expect(Object.keys(await scans())).toHaveLength(bigTables.length);
  const scanned: Record<string, string[]> = {};
  for (const [name, run] of operations) {
    const before = await scans();
    // From the sixth call on PostgreSQL may use another plan.
    for (let call = 0; call < 7; call += 1) await run();
    const after = await scans();
    const tables = bigTables.filter((table) => after[table] !== before[table]);
    if (tables.length > 0) scanned[name] = tables;
  }
  expect(operations.size).toBeGreaterThan(30);
  expect(scanned).toEqual({});
  await db.close();
});
