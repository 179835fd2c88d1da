import { execFileSync, spawnSync } from 'node:child_process';
import { chown, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGitRepository, type GitRepository } from '../../support/git-repository.ts';
import { rejection } from '../../support/rejection.ts';
import { context, gitIn, type LocalSandboxes, openLocalSandboxes, request } from '../local-sandboxes.ts';

let repository: GitRepository;
let sandboxes: LocalSandboxes;
let folder: string;
/** Where nothing is. */
let other: string;

beforeEach(async () => {
  repository = await createGitRepository();
  sandboxes = await openLocalSandboxes();
  folder = await mkdtemp(join(tmpdir(), 'groundcrew-other-'));
  other = join(folder, 'other');
  // The configuration of the operator.
  vi.stubEnv('GIT_CONFIG_GLOBAL', join(folder, 'gitconfig'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await sandboxes[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Makes a sandbox; returns its checkout and what was logged. */
async function make(path = repository.path, more: Parameters<typeof request>[1] = {}) {
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);
  const { cwd } = await sandboxes.provider.createSandbox(request(path, more), { ...context(), log });
  return { cwd, lines };
}

/** Git 2.45 and later has it. */
function hasReftable(): boolean {
  // It exits with an error after its help.
  return spawnSync('git', ['clone', '-h'], { encoding: 'utf8' }).stdout.includes('--ref-format');
}

/** Runs git as a program in the sandbox does. */
function gitInSandbox(cwd: string, ...args: string[]): string {
  const env = { PATH: process.env.PATH, HOME: join(cwd, '..', 'home') };
  return execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Writes refs without a check of git's, as a host with another file system has them. */
async function writePackedRefs(refs: Array<[name: string, oid: string]>) {
  const lines = refs
    .map(([name, oid]) => `${oid} ${name}`)
    .sort((a, b) => (a.slice(41) < b.slice(41) ? -1 : 1));
  await writeFile(join(repository.path, '.git', 'packed-refs'), `${lines.join('\n')}\n`, 'latin1');
}

describe('a checkout', () => {
  it('has a few files when the remote has 20,000 refs', async () => {
    const head = repository.git('rev-parse', 'HEAD');
    const numbers = Array.from({ length: 10_000 }, (_, index) => index);
    const named = (prefix: string) => numbers.map((number): [string, string] => [`${prefix}${number}`, head]);
    await writePackedRefs([...named('refs/heads/b'), ...named('refs/tags/t')]);
    const { cwd } = await make();
    expect((await readdir(join(cwd, '.git'), { recursive: true })).length).toBeLessThan(50);
    expect(gitIn(cwd, 'for-each-ref', '--format=x').length).toBe(2 * 20_003 - 1);
  });

  it('has branches whose names are too long for a file or not UTF-8', async () => {
    const head = repository.git('rev-parse', 'HEAD');
    const names = ['x'.repeat(300), 'caf\xe9', 'caf\xe8', '\xc3\xa4'];
    await writePackedRefs(names.map((name) => [`refs/heads/${name}`, head]));
    const { cwd } = await make();
    const refs = execFileSync('git', ['for-each-ref', '--format=%(refname:lstrip=3)', 'refs/remotes'], {
      cwd,
      encoding: 'latin1',
    });
    expect(refs.trim().split('\n').sort()).toEqual(['HEAD', 'main', ...names].sort());
  });

  it('starts at a branch whose name is not ASCII', async () => {
    repository.git('branch', 'zweig/ä');
    await repository.commit('new.txt', 'new');
    const { cwd } = await make(repository.path, { baseRef: 'zweig/ä', branch: 'neu/ü' });
    expect(gitIn(cwd, 'rev-parse', 'HEAD')).toBe(repository.git('rev-parse', 'zweig/ä'));
    expect(gitIn(cwd, 'rev-parse', '--symbolic-full-name', 'HEAD')).toBe('refs/heads/neu/ü');
  });

  it('starts at HEAD when a branch has the name of the commit', async () => {
    const head = repository.git('rev-parse', 'HEAD');
    repository.git('checkout', '--quiet', '-b', 'other');
    const other = await repository.commit('new.txt', 'new');
    repository.git('checkout', '--quiet', 'main');
    repository.git('update-ref', `refs/heads/${head}`, other);
    const { cwd } = await make();
    expect(gitIn(cwd, 'rev-parse', 'HEAD')).toBe(head);
  });

  it('has a remote branch of the name HEAD, and tags of trees and files', async () => {
    repository.git('update-ref', 'refs/heads/HEAD', 'main');
    repository.git('symbolic-ref', 'HEAD', 'refs/heads/HEAD');
    repository.git('tag', 'tree', 'main^{tree}');
    repository.git('tag', 'file', 'main:README.md');
    const { cwd } = await make();
    expect(gitIn(cwd, 'tag')).toBe('file\ntree');
    expect(gitIn(cwd, 'rev-parse', 'refs/remotes/origin/HEAD')).toBe(repository.git('rev-parse', 'main'));
    expect(gitIn(cwd, 'fsck')).toBe('');
  });

  it('throws BASE_REF_NOT_FOUND when the base ref is a tag of a tree', async () => {
    repository.git('tag', 'tree', 'main^{tree}');
    const error = await rejection(make(repository.path, { baseRef: 'tree' }));
    expect(error).toMatchObject({ code: 'BASE_REF_NOT_FOUND', retryable: false });
  });

  it('fails for good when a path would lead out of it', async () => {
    const blob = repository.git('rev-parse', 'HEAD:README.md');
    const tree = Buffer.concat([Buffer.from('100644 ..\0'), Buffer.from(blob, 'hex')]);
    await writeFile(join(folder, 'tree'), tree);
    const oid = repository.git('hash-object', '--literally', '-w', '-t', 'tree', join(folder, 'tree'));
    repository.git('update-ref', 'refs/heads/main', repository.git('commit-tree', '-m', 'evil', oid));
    expect(await rejection(make())).toMatchObject({
      code: 'SANDBOX_FAILED',
      retryable: false,
      message: expect.stringContaining(
        "has a path that git refuses to check out: git reset failed: error: invalid path '..'",
      ),
    });
  });

  it.skipIf(!hasReftable())('is made of a repository whose refs are in a reftable', async () => {
    const path = join(folder, 'reftable');
    repository.git('clone', '--quiet', '--ref-format=reftable', '--', repository.path, path);
    const { cwd } = await make(path);
    expect(gitIn(cwd, 'rev-parse', 'origin/main')).toBe(repository.git('rev-parse', 'HEAD'));
  });

  it('has no reflog of remote branches', async () => {
    const { cwd } = await make();
    expect(await readdir(join(cwd, '.git', 'logs', 'refs'))).toEqual(['heads']);
  });

  it('can be fetched into, and knows the default branch of origin', async () => {
    const { cwd } = await make();
    const commit = await repository.commit('new.txt', 'new');
    gitIn(cwd, 'fetch', '--quiet');
    expect(gitIn(cwd, 'rev-parse', 'origin')).toBe(commit);
  });

  it('is made of a repository with SHA-256, and of one with SHA-1 at the same path', async () => {
    await using other = await createGitRepository({ objectFormat: 'sha256' });
    const { cwd } = await make(other.path);
    expect(gitIn(cwd, 'rev-parse', 'HEAD')).toBe(other.git('rev-parse', 'HEAD'));
    await rm(join(other.path, '.git'), { recursive: true });
    other.git('init', '--quiet', '--initial-branch=main', '--object-format=sha1');
    const commit = await other.commit('new.txt', 'new');
    const again = await make(other.path, { key: 'two' });
    expect(gitIn(again.cwd, 'rev-parse', 'HEAD')).toBe(commit);
  });

  it.each<[string, string[], () => string]>([
    ['a bare repository', ['clone', '--quiet', '--bare', '.', 'OTHER'], () => other],
    ['a linked worktree', ['worktree', 'add', '--quiet', 'OTHER'], () => other],
    ['a repository that borrows objects', ['clone', '--quiet', '--shared', '.', 'OTHER'], () => other],
    ['a repository with core.bare and files', ['config', 'core.bare', 'true'], () => repository.path],
    ['a repository with a replaced commit', ['replace', 'HEAD', 'HEAD~1'], () => repository.path],
    ['a repository whose HEAD has no commit', ['checkout', '-q', '--orphan', 'new'], () => repository.path],
  ])('is made of %s', async (_, command, path) => {
    await repository.commit('second.txt', 'second');
    repository.git(...command.map((argument) => (argument === 'OTHER' ? other : argument)));
    const { cwd } = await make(path());
    expect(gitIn(cwd, 'rev-parse', 'HEAD')).toBe(repository.git('rev-parse', 'main'));
    expect(gitIn(cwd, 'fsck')).toBe('');
  });

  it('has empty folders for submodules, and says so', async () => {
    await using inner = await createGitRepository();
    repository.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner.path, 'inner');
    repository.git('commit', '--quiet', '--message', 'Add a submodule');
    const { cwd, lines } = await make();
    expect(await readdir(join(cwd, 'inner'))).toEqual([]);
    expect(lines.join('\n')).toContain('folders of submodules are empty');
  });

  it('ignores inherited variables that name another repository', async () => {
    for (const name of ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY', 'GIT_CONFIG']) {
      vi.stubEnv(name, join(folder, 'nowhere'));
    }
    vi.stubEnv('GIT_DEFAULT_HASH', 'sha256');
    vi.stubEnv('GIT_DEFAULT_REF_FORMAT', 'reftable');
    const { cwd } = await make();
    vi.unstubAllEnvs();
    expect(gitIn(cwd, 'status', '--porcelain')).toBe('');
  });

  it('throws REPOSITORY_INCOMPLETE for a clone without file contents', async () => {
    await writeFile(join(repository.path, 'README.md'), 'changed');
    repository.git('commit', '--quiet', '--all', '--message', 'Change it');
    repository.git('config', 'uploadpack.allowFilter', 'true');
    repository.git('clone', '--quiet', '--filter=blob:none', `file://${repository.path}`, folder);
    const error = await rejection(make(folder));
    expect(error).toMatchObject({ code: 'REPOSITORY_INCOMPLETE', retryable: false });
    expect(error.message).toContain('partial clone');
  });
});

describe('a checkout of a repository with Git LFS', () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 4\n`;

  beforeEach(async () => {
    await repository.commit('.gitattributes', '*.bin filter=lfs\n');
    await repository.commit('large.bin', pointer);
  });

  it('has pointers when Git LFS is not set up, and says so', async () => {
    const { cwd, lines } = await make();
    expect(await readFile(join(cwd, 'large.bin'), 'utf8')).toBe(pointer);
    expect(lines.join('\n')).toContain('Files of Git LFS are pointers');
  });

  it.each(['no-such-lfs smudge -- %f', 'git no-such-lfs smudge', 'no-such-lfs'])(
    'throws a final error when Git LFS is set up with %j and not installed',
    async (smudge) => {
      await writeFile(join(folder, 'gitconfig'), `[filter "lfs"]\n\trequired = true\n\tsmudge = ${smudge}\n`);
      const error = await rejection(make());
      expect(error).toMatchObject({ code: 'SANDBOX_FAILED', retryable: false });
      expect(error.message).toContain('program that is not installed');
    },
  );

  it('has the files, and commits in the sandbox store pointers', async () => {
    await writeFile(
      join(folder, 'gitconfig'),
      '[filter "lfs"]\n\trequired = true\n\tsmudge = echo file\n\tclean = echo pointer\n',
    );
    const { cwd } = await make();
    expect(await readFile(join(cwd, 'large.bin'), 'utf8')).toBe('file\n');
    await writeFile(join(cwd, 'large.bin'), 'changed');
    gitInSandbox(cwd, 'commit', '--quiet', '--all', '--message', 'Change it');
    expect(gitInSandbox(cwd, 'show', 'HEAD:large.bin')).toBe('pointer');
  });
});

describe.skipIf(process.getuid?.() !== 0)('a sandbox of a repository that another user owns', () => {
  async function giveAway(path: string) {
    const entries = await readdir(path, { recursive: true });
    for (const entry of ['', ...entries]) await chown(join(path, entry), 12_345, 12_345);
  }

  it.each<[string, () => string]>([
    ['a repository', () => repository.path],
    [
      'a bare repository without .git in its address',
      () => {
        repository.git('clone', '--quiet', '--bare', '.', `${folder}/bare.git`);
        return join(folder, 'bare');
      },
    ],
    [
      'a linked worktree',
      () => {
        repository.git('worktree', 'add', '--quiet', join(folder, 'w'));
        return join(folder, 'w');
      },
    ],
  ])('fetches from and pushes to %s', async (_, prepare) => {
    const path = prepare();
    await giveAway(repository.path);
    await giveAway(folder);
    await chown(folder, 0, 0);
    const { cwd } = await make(path);
    gitInSandbox(cwd, 'fetch', '--quiet', 'origin');
    gitInSandbox(cwd, 'push', '--quiet', 'origin', 'work');
    expect(gitInSandbox(cwd, 'ls-remote', 'origin', 'refs/heads/work')).toMatch(/work$/);
  });
});
