import { expect, it } from 'vitest';
import { healthReport } from '../../src/app/health-report.ts';
import { createLogger } from '../../src/log.ts';
import { openDatabase } from '../../src/tables/database.ts';
import { WakeUpListener } from '../../src/tasks/store/wake-up-listener.ts';
import { startApp } from '../schema/started-app.ts';
import { startExample } from '../server/example-app.ts';

/** The lines of the report: the code of each, with whether it is fine, and its sentence. */
function read(report: string): Record<string, string> {
  const lines = report.trimEnd().split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const [, state = '', code = '', sentence = ''] = /^(ok|fail) +([A-Z]+) (.*\.)$/.exec(line) ?? [];
      return [code, `${state}: ${sentence}`];
    }),
  );
}

it('GET /healthz?verbose says of each part whether it is fine', async () => {
  await using app = await startApp('start');
  const response = await fetch(`${app.url}/healthz?verbose`);
  expect(response.status).toBe(200);
  expect(read(await response.text())).toEqual({
    DATABASE: expect.stringMatching(
      /^ok: PostgreSQL \d+\.\d+ has answered after [\d.]+ ms, and takes changes\.$/,
    ),
    MIGRATIONS: expect.stringMatching(/^ok: All \d+ of this version were applied\.$/),
    WORKERS: expect.stringMatching(/^ok: 1 of them run;/),
    NOTIFICATIONS: expect.stringMatching(/^ok: One has come back after [\d.]+ ms\.$/),
    CLOCK: expect.stringMatching(/^ok: The clocks of this machine and of the database are [\d.]+ s apart\.$/),
    VERSION: expect.stringMatching(/^ok: Groundcrew \d\S+, Node \d\S+, \w+ \w+\.$/),
  });
  await app.stored.sql(`insert into groundcrew_migration (name) values ('migration-999-later')`);
  await app.stored.sql(`delete from groundcrew_migration where name like 'migration-002%'`);
  const changed = read(await (await fetch(`${app.url}/healthz?verbose`)).text());
  expect(changed.MIGRATIONS).toBe(
    'fail: migration-002-requested-sandboxes was not applied: run npm run migrate.',
  );
});

it('the report says what is missing while no worker runs, and while the database cannot be reached', async () => {
  await using app = await startApp('api');
  const report = read(await (await fetch(`${app.url}/healthz?verbose`)).text());
  expect(report.WORKERS).toMatch(/^fail: No worker runs/);
  // Nothing listens there.
  const url = 'postgres://nobody@127.0.0.1:1/nothing';
  const db = await openDatabase(url, { poolSize: 1 });
  const listener = new WakeUpListener({ url, logger: createLogger('silent') });
  const away = read(await healthReport(db, listener));
  await db.close();
  expect(away).toMatchObject({
    DATABASE: 'fail: The database cannot be reached.',
    NOTIFICATIONS: 'fail: No notification has come back within 2 seconds.',
  });
});

it('GET /healthz?verbose is for the owner alone where others reach it, and /healthz for everybody', async () => {
  const { url } = await startExample({}, [], { host: '0.0.0.0' });
  const statusOf = async (path: string, token?: string) => {
    const init = token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } };
    return (await fetch(url + path, init)).status;
  };
  expect(await statusOf('/healthz')).toBe(200);
  expect(await statusOf('/healthz?verbose')).toBe(401);
  expect(await statusOf('/healthz?verbose=1', 'good-a')).toBe(403);
  expect(await statusOf('/healthz?verbose', 'good-owner')).toBe(200);
});
