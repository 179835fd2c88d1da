// What provisioning is built on: Graphile Worker runs jobs that make four changes each, one statement a change. No leases, no
// history, no wake-ups.
import { run } from 'graphile-worker';
import { Pool } from 'pg';

const [, , databaseUrl = '', concurrency = ''] = process.argv;
const pool = new Pool({ connectionString: databaseUrl, max: Number(concurrency) + 3 });
// Graphile Worker asks for both.
pool.on('error', () => {});
pool.on('connect', (client) => client.on('error', () => {}));
const change = {
  name: 'change',
  text: `update floor_task set revision = revision + 1, state = $2::jsonb, updated_at = clock_timestamp() where id = $1`,
};
const state = JSON.stringify({ text: 'x'.repeat(1_500) });

process.on('SIGTERM', () => process.exit(0));
await run({
  pgPool: pool,
  concurrency: Number(concurrency),
  noHandleSignals: true,
  preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  taskList: {
    floorTask: async (payload) => {
      const { id } = payload as { id: number };
      for (let turn = 0; turn < 4; turn += 1) await pool.query({ ...change, values: [id, state] });
    },
  },
});
console.log('ready');
