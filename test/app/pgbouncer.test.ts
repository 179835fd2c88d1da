import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Role, startGroundcrew } from '../../src/app/start.ts';
import { createGroundcrew } from '../../src/client/client.ts';
import { loadConfig } from '../../src/config.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { instantProvider } from '../support/groundcrew-processes.ts';
import { findPgBouncer, type PgBouncer, type PoolMode, startPgBouncer } from '../support/pgbouncer.ts';
import { createRoleWithDatabase } from '../support/role.ts';

const program = await findPgBouncer();
const token = 'token-of-the-test';

describe('Groundcrew behind PgBouncer', () => {
  const parts = new AsyncDisposableStack();
  let pgbouncer: PgBouncer;
  let dataDir: string;
  beforeAll(async () => {
    if (program === undefined) return;
    const role = parts.use(await createRoleWithDatabase());
    pgbouncer = parts.use(await startPgBouncer(program, role.url));
    dataDir = await mkdtemp(join(tmpdir(), 'groundcrew-pgbouncer-data-'));
    parts.defer(() => rm(dataDir, { recursive: true }));
  });
  afterAll(() => parts.disposeAsync());
  beforeEach(({ skip }) => skip(program === undefined, 'PgBouncer is not installed on this machine.'));

  const start = (role: Role, mode: PoolMode) =>
    startGroundcrew(
      role,
      loadConfig({
        DATABASE_URL: pgbouncer.urlOf(mode),
        GROUNDCREW_DATA_DIR: dataDir,
        GROUNDCREW_TOKEN: token,
        GROUNDCREW_PROVIDERS: instantProvider,
        PORT: '0',
      }),
      pino({ level: 'silent' }),
    );

  it.each(['transaction', 'statement'] as const)(
    'refuses to start in %s mode, and says what to set',
    async (mode) => {
      await expect(start('api', mode)).rejects.toThrow(
        'DATABASE_URL cannot be used: a pooler changes the connection between two transactions. ' +
          'Set pool_mode=session in PgBouncer, or connect to PostgreSQL itself.',
      );
    },
  );

  it("gets a task RUNNING in session mode with PgBouncer's defaults, and a subscription shows it", async () => {
    await using repository = await createGitRepository();
    const api = await start('api', 'session');
    const worker = await start('worker', 'session');
    const groundcrew = createGroundcrew({ url: api.url as string, token });
    try {
      const { id } = await groundcrew.createTask({ repoUrl: repository.path, prompt: 'Say hello' });
      const revisions: number[] = [];
      for await (const task of groundcrew.watchTask(id, { afterRevision: 0 })) {
        revisions.push(task.revision);
        if (task.status === 'RUNNING') break;
        expect(task.status).toMatch(/^INIT_/);
      }
      expect(revisions).toEqual(revisions.map((_, index) => index + 1));
    } finally {
      await groundcrew.close();
      await worker.stop();
      await api.stop();
    }
  });
});
