import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGroundcrew } from '../../src/client/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { apiUrl, program, type Settings } from '../support/groundcrew-processes.ts';
import { type StartedProcess, startProcess } from '../support/processes.ts';

/** No passwd has it. */
const uid = 912_345;
const token = 'token-of-the-test';

describe('npm start, as a user id without an entry in /etc/passwd', () => {
  let database: TestDatabase;
  let dataDir: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    dataDir = await mkdtemp(join(tmpdir(), 'groundcrew-no-entry-'));
    await chown(dataDir, uid, uid).catch(() => {});
  });
  afterAll(async () => {
    await database.drop();
    await rm(dataDir, { recursive: true });
  });
  beforeEach(({ skip }) => skip(process.getuid?.() !== 0, 'Only root can start a process as another user.'));

  const start = (settings: Settings): StartedProcess =>
    startProcess(['node', program(), 'start'], {
      uid,
      gid: uid,
      env: {
        PORT: '0',
        LOG_LEVEL: 'error',
        GROUNDCREW_TOKEN: token,
        GROUNDCREW_DATA_DIR: join(dataDir, 'data'),
        ...settings,
      },
    });

  it.each([
    [{ HOME: tmpdir() }, /^groundcrew: .*user id 912345, which has no entry.* set DATABASE_URL$/],
    [{ HOME: undefined }, /^groundcrew: HOME must be set to a folder: user id 912345 has no entry/],
  ])('without DATABASE_URL and with %j says in one line what to do', async (settings, line) => {
    const started = start({ DATABASE_URL: undefined, ...settings });
    expect(await started.exit).toEqual({ code: 1, signal: null });
    expect(started.stderr).toEqual([expect.stringMatching(line)]);
  });

  it('with DATABASE_URL and a HOME that does not exist gets a task RUNNING', async () => {
    await using repository = await createGitRepository();
    await chmod(repository.path, 0o755);
    const started = start({ DATABASE_URL: database.url, HOME: '/nonexistent' });
    const groundcrew = createGroundcrew({ url: await apiUrl(started), token });
    const { id } = await groundcrew.createTask({ repoUrl: repository.path, prompt: 'Say hello' });
    for await (const task of groundcrew.watchTask(id)) {
      expect(task.error).toBeNull();
      if (task.status === 'RUNNING') break;
    }
    await groundcrew.archiveTask(id);
    await groundcrew.close();
    started.kill('SIGTERM');
    expect(await started.exit).toEqual({ code: 0, signal: null });
  });
});
