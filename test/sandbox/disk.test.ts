import { spawnSync } from 'node:child_process';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createGitRepository } from '../support/git-repository.ts';
import { callInProcess } from './local-sandboxes.ts';

/** Runs a command in which a file system with these options is mounted at a folder. Without privileges, where Linux allows it. */
const mounted = (options: string, folder: string) => [
  ...['unshare', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child'],
  ...['sh', '-c', 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && "$@"', 'sh', options, folder],
];
const [program = '', ...args] = [...mounted('size=64k', tmpdir()), 'true'];
const canMount = spawnSync(program, args).status === 0;

describe.runIf(canMount)('the provider local', () => {
  it.each([
    ['full', 'size=48k', 'SANDBOX_FAILED', true, /^The data folder has no space left\.$/],
    ['read-only', 'ro', 'SANDBOX_FAILED', true, /^The data folder is on a read-only file system\.$/],
    ['without programs', 'noexec', 'AGENT_FAILED', false, /allows no programs .* Set GROUNDCREW_DATA_DIR to/],
  ])(
    'says what to do when the file system of its folder is %s',
    async (_, options, code, retryable, message) => {
      await using repository = await createGitRepository();
      await using folder = await mkdtempDisposable(join(tmpdir(), 'groundcrew-mounted-'));
      const output = await callInProcess([folder.path, repository.path, 'one', 'demo'], {
        wrapper: mounted(options, folder.path),
      });
      expect(JSON.parse(output)).toEqual({ code, retryable, message: expect.stringMatching(message) });
    },
  );
});
