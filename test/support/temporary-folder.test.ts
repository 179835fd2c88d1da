import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { makeTemporaryFolder } from './temporary-folder.ts';

it('makeTemporaryFolder removes what a run that was killed has left in memory, and no other folder', async () => {
  const script = `const { makeTemporaryFolder } = await import('${import.meta.dirname}/temporary-folder.ts');
    console.log(await makeTemporaryFolder());
    process.kill(process.pid, 'SIGKILL');`;
  const killed = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  const abandoned = killed.stdout.trim();
  expect(statSync(abandoned).mode & 0o7777).toBe(0o1777);
  const own = await makeTemporaryFolder();
  try {
    expect(existsSync(abandoned)).toBe(!abandoned.startsWith('/dev/shm/'));
    // The folder of the run of which this test is a part.
    expect(existsSync(tmpdir())).toBe(true);
  } finally {
    await rm(own, { recursive: true });
    await rm(abandoned, { recursive: true, force: true });
  }
});
