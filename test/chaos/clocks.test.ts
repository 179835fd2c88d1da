import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Settings } from '../support/groundcrew-processes.ts';
import type { StartedProcess } from '../support/processes.ts';
import { fails } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { createInstallation, type Installation } from './support/installation.ts';

const hourMs = 3_600_000;

/** Settings of a process whose machine's clock is that far ahead, or behind when negative. */
const shiftedBy = (ms: number): Settings => ({
  NODE_OPTIONS: `--import ${join(import.meta.dirname, '../support/shifted-clock.mjs')}`,
  SHIFT_CLOCK_MS: String(ms),
});

const retryMs = 1_000;
/** For a queue, three statements and a busy machine. */
const slackMs = 2_000;

const shifts = [
  ['an hour ahead', hourMs],
  ['an hour behind', -hourMs],
] as const;

/** Of all tests; has an API server of each clock. */
let app: Installation;
const apiUrls: string[] = [];
let worker: { readonly shiftMs: number; readonly process: StartedProcess } | undefined;

beforeAll(async () => {
  app = await createInstallation({ settings: { GROUNDCREW_RETRY_BASE_MS: String(retryMs) } });
  for (const [, shiftMs] of shifts) apiUrls.push((await app.startApi(shiftedBy(shiftMs))).url);
});
afterAll(() => app[Symbol.asyncDispose]());

it('API servers whose clocks differ list tasks by their creation and leave none behind whose job is lost', async () => {
  const ids: string[] = [];
  for (const url of [...apiUrls, ...apiUrls]) {
    app.apiUrl = url;
    const id = await app.createTask();
    ids.unshift(id);
    // Each server knows the database's clock to some milliseconds: only what is farther apart has an order.
    await waitFor(async () => {
      const later = await app.sql(
        `select from task where id = $1 and created_at < now() - interval '200 milliseconds'`,
        [id],
      );
      return later.length === 1;
    });
  }
  const { data } = await app.graphql('{ tasks { nodes { id } } }');
  expect(data).toEqual({ tasks: { nodes: ids.map((id) => ({ id })) } });
  await app.sql('delete from graphile_worker._private_jobs');
  await runWorker(hourMs);
  await app.settled();
  for (const id of ids) await expectTimesOfDatabase(app, id);
});

it.each(shifts)(
  'a worker whose clock is %s waits before the next attempt for as long as any other, without asking again and again',
  async (_name, shiftMs) => {
    await runWorker(shiftMs);
    app.provider.on('createSandbox', fails({ code: 'NO_ROOM' }), { times: 2 });
    const id = await app.createTask();
    await app.waitForStatus(id, 'running');
    const { key } = await app.task(id);
    const [first = 0, second = 0, third = 0] = app.provider
      .callsOf('createSandbox', key)
      .map((call) => call.at);
    expect(second - first).toBeGreaterThanOrEqual(retryMs);
    expect(second - first).toBeLessThan(1.25 * retryMs + slackMs);
    expect(third - second).toBeGreaterThanOrEqual(2 * retryMs);
    expect(third - second).toBeLessThan(1.25 * 2 * retryMs + slackMs);
    expect(await leases(app, id)).toBeLessThan(10);
    await expectTimesOfDatabase(app, id);
  },
);

/** Has one worker run, whose clock is that far ahead; the one of the test before, where it has the same clock. */
async function runWorker(shiftMs: number): Promise<void> {
  if (worker?.shiftMs === shiftMs) return;
  worker?.process.kill();
  await worker?.process.exit;
  worker = { shiftMs, process: await app.startWorker(shiftedBy(shiftMs)) };
}

/** How often the task was leased. */
async function leases(app: Installation, id: string): Promise<number> {
  const [row] = await app.sql<{ epoch: number }>('select epoch from task where id = $1', [id]);
  return row?.epoch ?? 0;
}

/** Every instant is one of the database's clock, and those of the history are in its order. */
async function expectTimesOfDatabase(app: Installation, id: string): Promise<void> {
  const [row] = await app.sql<{ events: { at: string; state: unknown }[]; now: Date }>(
    `select json_agg(json_build_object('at', at at time zone 'UTC', 'state', state) order by revision) as events,
       now() from task_event where task_id = $1`,
    [id],
  );
  const { events, now } = row as { events: { at: string; state: unknown }[]; now: Date };
  const times = events.map(({ at }) => Date.parse(`${at}Z`));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  const named = JSON.stringify(events).matchAll(/"(startedAt|finishedAt|createdAt|readyAt)":"([^"]+)"/g);
  for (const time of [...times, ...[...named].map(([, , at = '']) => Date.parse(at))]) {
    expect(Math.abs(now.getTime() - time)).toBeLessThan(60_000);
  }
}
