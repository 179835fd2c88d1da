import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { startGroundcrew } from '../../src/app/start.ts';
import { loadConfig } from '../../src/config.ts';
import { createTestDatabase } from '../support/database.ts';
import { instantProvider } from '../support/groundcrew-processes.ts';
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
    const dataDir = parts.use(await mkdtempDisposable(join(tmpdir(), 'groundcrew-lost-')));
    const config = loadConfig({
      DATABASE_URL: proxy.url,
      GROUNDCREW_DATA_DIR: dataDir.path,
      GROUNDCREW_PROVIDERS: instantProvider,
      GROUNDCREW_TOKEN: 'token-of-the-test',
      PORT: '0',
    });
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
    const started = await startGroundcrew(role, config, logger);
    parts.defer(() => started.stop());
    expect(cuts).toBeGreaterThan(1);
    expect(lines.join('')).toContain('waiting for the database');
  },
);
