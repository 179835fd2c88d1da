import { execFileSync } from 'node:child_process';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A real repository on this machine, with one commit on `main`. */
export interface GitRepository extends AsyncDisposable {
  readonly path: string;
  /** Runs git in it and returns what it prints. */
  git(...args: string[]): string;
  /** Commits a file on the current branch; returns the commit's id. */
  commit(file: string, content: string): Promise<string>;
}

export async function createGitRepository(
  options: { empty?: boolean; objectFormat?: 'sha1' | 'sha256' } = {},
): Promise<GitRepository> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'groundcrew-repository-')));
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  const env = {
    ...Object.fromEntries(inherited),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'Test',
    GIT_AUTHOR_EMAIL: 'test@example.com',
    GIT_COMMITTER_NAME: 'Test',
    GIT_COMMITTER_EMAIL: 'test@example.com',
  };
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: path, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const repository: GitRepository = {
    path,
    git,
    async commit(file, content) {
      await writeFile(join(path, file), content);
      git('add', '--', file);
      git('commit', '--quiet', '--message', `Add ${file}`);
      return git('rev-parse', 'HEAD');
    },
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  git('init', '--quiet', '--initial-branch=main', `--object-format=${options.objectFormat ?? 'sha1'}`);
  if (!options.empty) await repository.commit('README.md', '# A repository\n');
  return repository;
}
