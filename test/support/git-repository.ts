import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
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

interface RepositoryOptions {
  readonly empty?: boolean;
  readonly objectFormat?: 'sha1' | 'sha256';
}

/** By their options: the repositories that all others are copies of, because git needs a process for each step. */
const models = new Map<string, Promise<string>>();

export async function createGitRepository({
  empty = false,
  objectFormat = 'sha1',
}: RepositoryOptions = {}): Promise<GitRepository> {
  const key = `${objectFormat} ${empty}`;
  const model = models.get(key) ?? makeModel(empty, objectFormat);
  models.set(key, model);
  const repository = await openNewFolder();
  await cp(await model, repository.path, { recursive: true });
  return repository;
}

async function makeModel(empty: boolean, objectFormat: string): Promise<string> {
  const { path, git, commit } = await openNewFolder();
  process.once('exit', () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  // Without git's examples of hooks: a dozen files that nothing reads.
  git('init', '--quiet', '--template=', '--initial-branch=main', `--object-format=${objectFormat}`);
  await mkdir(join(path, '.git', 'hooks'));
  if (!empty) await commit('README.md', '# A repository\n');
  return path;
}

async function openNewFolder(): Promise<GitRepository> {
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
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, {
      cwd: path,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  const git = (...args: string[]) => run('git', ...args);
  return {
    path,
    git,
    async commit(file, content) {
      await writeFile(join(path, file), content);
      // By a shell: to start a process costs the large process of the tests more than it costs a small one.
      const script = 'git add -- "$1" && git commit --quiet --message "Add $1" && git rev-parse HEAD';
      return run('sh', '-c', script, 'sh', file);
    },
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
