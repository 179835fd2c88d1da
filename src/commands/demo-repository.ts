import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError } from '../config.ts';
import { runGit } from '../git/git.ts';
import { givenRepository } from './given-repository.ts';

const project = resolve(import.meta.dirname, '../..');

/**
 * The repository that the demo works on: the given path or URL, else this project's own. A project that is no repository, as
 * in a downloaded archive, gets a small one, which is removed with `parts`. Throws ConfigError when git cannot be run.
 */
export async function findDemoRepository(
  given: string | undefined,
  parts: AsyncDisposableStack,
): Promise<string> {
  await runGit(['--version']).catch((cause: unknown) => {
    throw new ConfigError('PATH must contain git: install it.', { cause });
  });
  if (given !== undefined) return givenRepository(given);
  return (await isRepository(project)) ? project : await makeRepository(parts);
}

/** Whether the folder is the top of a repository with a commit, and not a folder inside of another repository. */
async function isRepository(folder: string): Promise<boolean> {
  try {
    const top = await runGit(['-C', folder, 'rev-parse', '--show-toplevel']);
    await runGit(['-C', folder, 'rev-parse', '--quiet', '--verify', 'HEAD^{commit}']);
    return (await realpath(top.trim())) === (await realpath(folder));
  } catch {
    return false;
  }
}

async function makeRepository(parts: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-demo-repository-'));
  parts.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  await writeFile(join(folder, 'README.md'), '# Demo\n\nA repository for the demo of Groundcrew.\n');
  await runGit(['-C', folder, 'init', '--quiet', '--initial-branch=main']);
  await runGit(['-C', folder, 'add', '--all']);
  const author = ['-c', 'user.name=Groundcrew', '-c', 'user.email=groundcrew@localhost'];
  const unsigned = ['-c', 'commit.gpgSign=false'];
  await runGit(['-C', folder, ...author, ...unsigned, 'commit', '--quiet', '--message', 'Add a README']);
  return folder;
}
