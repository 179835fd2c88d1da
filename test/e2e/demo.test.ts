import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createGitRepository } from '../support/git-repository.ts';
import { startProcess } from '../support/processes.ts';

test('the demo prints every status, ends with 0, and leaves nothing behind', async () => {
  await using repository = await createGitRepository();
  const temporary = await mkdtemp(join(tmpdir(), 'groundcrew-demo-test-'));
  // npm goes to the project's folder; the path is one from here.
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
  // What is left running would fail the whole run (test/support/global-setup.ts).
  expect((await readdir(temporary)).filter((name) => name.startsWith('groundcrew'))).toEqual([]);
  await rm(temporary, { recursive: true, force: true });
});

test('the demo ends with 1, and says why, when the task ends in ERROR', async () => {
  const demo = startProcess(['npm', 'run', 'demo', '--', '/nothing/here']);
  expect((await demo.exit).code).toBe(1);
  expect(demo.stderr.join('\n')).toMatch(/REPOSITORY_NOT_FOUND at ENSURE_NAME/);
});

test('a signal to npm ends the demo and all that it started', async () => {
  await using repository = await createGitRepository();
  const demo = startProcess(['npm', 'run', 'demo', '--', repository.path]);
  await demo.waitForLine(/createTask answered/);
  demo.kill('SIGTERM');
  expect((await demo.exit).code).not.toBe(0);
});
