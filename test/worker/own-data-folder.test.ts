import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { ConfigError } from '../../src/config.ts';
import { createLogger } from '../../src/log.ts';
import { requireOwnDataFolder } from '../../src/worker/own-data-folder.ts';
import { StoredTasks } from '../support/stored-tasks.ts';

let tasks: StoredTasks;
beforeAll(async () => {
  tasks = await StoredTasks.create();
});
afterEach(() => tasks.sql('truncate worker cascade'));
afterAll(() => tasks[Symbol.asyncDispose]());

/** A worker that has just shown that it lives. */
async function addWorker(host: string): Promise<void> {
  await tasks.addWorker('other');
  await tasks.sql(
    `update worker set locations = '{here}', host = ?, heartbeat_at = now() + interval '1.9 seconds'`,
    [host],
  );
}

const require = (signal = new AbortController().signal, graceMs = 60_000) =>
  requireOwnDataFolder({
    db: tasks.db,
    logger: createLogger('silent'),
    locations: ['here', 'of another provider'],
    host: 'one boot-1 ns',
    signal,
    graceMs,
  });

it('a worker does not start while one on another machine has its data folder, and names that machine', async () => {
  await addWorker('two boot-2 ns');
  const refused = require(undefined, 0);
  await expect(refused).rejects.toThrow(ConfigError);
  await expect(refused).rejects.toThrow(
    /^GROUNDCREW_DATA_DIR is used by a worker on two, too: .*"locations"/,
  );
});

it('a worker starts once the one on another machine has ended', async () => {
  await addWorker('two boot-2 ns');
  const started = require();
  await tasks.sql('delete from worker');
  await started;
});

it('a worker starts while another one on its machine uses the same data folder, and ignores a worker elsewhere whose heartbeat has ended', async () => {
  await addWorker('container boot-1 ns-2');
  await require(undefined, 0);
  await tasks.sql(`update worker set host = 'two boot-2 ns', heartbeat_at = now() - interval '5 seconds'`);
  await require(undefined, 0);
});

it('a signal ends the wait for a worker on another machine', async () => {
  await addWorker('two boot-2 ns');
  await expect(require(AbortSignal.abort(new Error('stopping')))).rejects.toThrow();
});
