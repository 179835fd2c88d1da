import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { program } from '../support/groundcrew-processes.ts';
import { startProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

let outer: GitRepository;
let temporary: string;

beforeEach(async () => {
  outer = await createGitRepository();
  temporary = await mkdtemp(join(tmpdir(), 'groundcrew-demo-test-'));
});
afterEach(async () => {
  await outer[Symbol.asyncDispose]();
  await rm(temporary, { recursive: true, force: true });
});

/** The project as a downloaded archive has it after `npm ci`, which makes the build: without a repository of its own. */
async function unpackArchive(folder: string): Promise<string> {
  for (const name of ['src', 'package.json', ...(existsSync('dist/server') ? ['dist/server'] : [])]) {
    await cp(resolve(name), join(folder, name), { recursive: true });
  }
  await symlink(resolve('node_modules'), join(folder, 'node_modules'));
  return folder;
}

describe('demo', () => {
  it('works on a repository made on the spot when the project lies inside another repository, and ends with all that it has made and started when npm receives SIGTERM', async () => {
    const cwd = await unpackArchive(join(outer.path, 'vendor'));
    const demo = startProcess(['npm', 'run', 'demo'], { cwd, env: { TMPDIR: temporary } });
    const [, repository] = await demo.waitForLine(/^createTask answered in \d+ ms: \w+, on (.+)$/, 90_000);
    expect(repository).toMatch(new RegExp(`^${temporary}/groundcrew-demo-repository-`));
    demo.kill('SIGTERM');
    expect((await demo.exit).code).not.toBe(0);
    // A process that is left running fails the whole run (test/support/global-setup.ts).
    await waitFor(async () => !(await readdir(temporary)).some((name) => name.startsWith('groundcrew')));
  });

  it('removes what it made when nothing reads its output any more', async () => {
    const database = await createTestDatabase();
    const command = `node ${program()} demo ${outer.path} | head -n 1`;
    const env = { TMPDIR: temporary, DATABASE_URL: database.url };
    const demo = startProcess(['sh', '-c', command], { env });
    expect((await demo.exit).code).toBe(0);
    expect(demo.stdout).toHaveLength(1);
    await waitFor(async () => (await readdir(temporary)).length === 0, 30_000);
    await database.drop();
  });

  it('says in one line that git is missing', async () => {
    const demo = startProcess([process.execPath, program(), 'demo'], { env: { PATH: temporary } });
    expect((await demo.exit).code).toBe(1);
    expect(demo.stderr).toEqual([expect.stringMatching(/^groundcrew: PATH .*git/)]);
  });
});
