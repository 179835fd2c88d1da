import { expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { GroundcrewProcesses, instantProvider } from '../support/groundcrew-processes.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';

it.each([
  ['worker', /as writable/],
  ['api', /as writable/],
  ['api', /^select .* from "workspace"/],
] as const)(
  'a start of %s that has used the database goes on when it loses a connection at %s',
  async (role, statement) => {
    await using parts = new AsyncDisposableStack();
    const database = parts.adopt(await createTestDatabase(), (each) => each.drop());
    const proxy = parts.use(await startPostgresProxy(database.url));
    let cuts = 0;
    proxy.cutsAt = (query) => statement.test(query) && ++cuts === 1;
    const processes = parts.use(
      await GroundcrewProcesses.create({
        DATABASE_URL: proxy.url,
        GROUNDCREW_PROVIDERS: instantProvider,
        LOG_LEVEL: 'warn',
      }),
    );
    const started = await (role === 'api' ? processes.startApi() : processes.startWorker());
    expect(cuts).toBeGreaterThan(1);
    expect(started.stderr.join('\n')).toContain('waiting for the database');
  },
);
