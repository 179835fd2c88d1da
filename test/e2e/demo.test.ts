import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { program } from '../support/groundcrew-processes.ts';
import { startProcess } from '../support/processes.ts';

test('npm run demo prints every status and what the agent says, exits with 0 and leaves nothing behind', async () => {
  await using repository = await createGitRepository();
  const temporary = await mkdtemp(join(tmpdir(), 'groundcrew-demo-test-'));
  // npm changes to the project's folder; the path `.` must still mean the folder of the caller.
  const demo = startProcess(['npm', '--prefix', process.cwd(), 'run', 'demo', '--', '.'], {
    cwd: repository.path,
    env: { TMPDIR: temporary },
  });
  expect(await demo.exit).toEqual({ code: 0, signal: null });
  const statuses = demo.stdout.flatMap((line) => /^ *\+\d+ ms {2}([A-Z_]+)$/.exec(line)?.[1] ?? []);
  expect(statuses).toEqual([
    'INIT_ENQUEUE_PROVISION',
    'INIT_ENSURE_NAME',
    'INIT_CREATE_SANDBOX',
    'INIT_ENSURE_AGENT',
    'INIT_CREATE_SESSION',
    'RUNNING',
    'ARCHIVED',
  ]);
  expect(demo.stdout.filter((line) => /^(prompt|agent|end) /.test(line))).toEqual([
    expect.stringMatching(/^prompt +Leave a note/),
    ...Array(3).fill(expect.stringMatching(/^agent +\S/)),
    expect.stringMatching(/^end +END_TURN$/),
  ]);
  // A process that is left running fails the whole run (test/support/global-setup.ts).
  expect((await readdir(temporary)).filter((name) => name.startsWith('groundcrew'))).toEqual([]);
  await rm(temporary, { recursive: true, force: true });
});

test('the demo exits with 1 and prints why when the task ends in ERROR', async () => {
  const database = await createTestDatabase();
  const demo = startProcess(['node', program(), 'demo', '/nothing/here'], {
    env: { DATABASE_URL: database.url },
  });
  expect((await demo.exit).code).toBe(1);
  expect(demo.stderr.join('\n')).toMatch(/REPOSITORY_NOT_FOUND at ENSURE_NAME/);
  await database.drop();
});
