import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createGitRepository } from '../support/git-repository.ts';
import { rejection } from '../support/rejection.ts';
import { waitFor } from '../support/wait-for.ts';
import { context, gitIn, openLocalSandboxes, request } from './local-sandboxes.ts';

describe('createSandbox', () => {
  it('checks out a new branch at the default branch, with the real remote as origin', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const { id, cwd } = await sandboxes.provider.createSandbox(request(repository.path), context());
    expect(id).toBe('one');
    expect(gitIn(cwd, 'branch', '--show-current')).toBe('work');
    expect(gitIn(cwd, 'rev-parse', 'HEAD')).toBe(repository.git('rev-parse', 'main'));
    expect(gitIn(cwd, 'remote', 'get-url', 'origin')).toBe(repository.path);
    expect(gitIn(cwd, 'status', '--porcelain')).toBe('');
    expect(await readFile(join(cwd, 'README.md'), 'utf8')).toBe('# A repository\n');
    expect(gitIn(cwd, 'fsck')).toBe('');
  });

  it('starts at a branch, a tag, or a commit that no branch contains', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    repository.git('checkout', '--quiet', '-b', 'other');
    const onBranch = await repository.commit('branch.txt', 'branch');
    const onTag = await repository.commit('tag.txt', 'tag');
    repository.git('tag', '--annotate', '--message', 'v1', 'v1');
    const loose = await repository.commit('loose.txt', 'loose');
    repository.git('reset', '--quiet', '--hard', onBranch);
    const short = onTag.slice(0, 9).toUpperCase();
    const commits = { other: onBranch, v1: onTag, [loose]: loose, [short]: onTag };
    for (const [index, [baseRef, commit]] of Object.entries(commits).entries()) {
      const wanted = request(repository.path, { key: `key-${index}`, baseRef });
      const { cwd } = await sandboxes.provider.createSandbox(wanted, context());
      expect(gitIn(cwd, 'rev-parse', 'HEAD')).toBe(commit);
    }
  });

  it('checks out and tracks a branch that the remote has', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    repository.git('checkout', '--quiet', '-b', 'work');
    const commit = await repository.commit('work.txt', 'work');
    repository.git('checkout', '--quiet', 'main');
    const { cwd } = await sandboxes.provider.createSandbox(request(repository.path), context());
    expect(gitIn(cwd, 'rev-parse', 'HEAD')).toBe(commit);
    expect(gitIn(cwd, 'rev-parse', '--abbrev-ref', 'work@{upstream}')).toBe('origin/work');
  });

  it('fetches only new objects for a second sandbox of the same repository', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    await sandboxes.provider.createSandbox(request(repository.path), context());
    const commit = await repository.commit('new.txt', 'new');
    const second = request(repository.path, { key: 'two', branch: 'work-2' });
    const { cwd } = await sandboxes.provider.createSandbox(second, context());
    expect(gitIn(cwd, 'rev-parse', 'HEAD')).toBe(commit);
    expect(gitIn(cwd, 'count-objects', '-v')).toMatch(/^count: 0\n(.*\n)*in-pack: 0\n/m);
    expect(await readdir(join(sandboxes.dataDir, 'mirrors'))).toHaveLength(1);
  });

  it('makes several sandboxes of one repository at once', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const keys = ['one', 'two', 'three', 'four'];
    const made = await Promise.all(
      keys.map((key) =>
        sandboxes.provider.createSandbox(request(repository.path, { key, branch: key }), context()),
      ),
    );
    expect(made.map(({ cwd }) => gitIn(cwd, 'branch', '--show-current'))).toEqual(keys);
  });

  it('makes one sandbox for a key that is requested several times at once and again', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const calls = Array.from({ length: 5 }, () =>
      sandboxes.provider.createSandbox(request(repository.path), context()),
    );
    expect(new Set((await Promise.all(calls)).map(({ cwd }) => cwd)).size).toBe(1);
    const { ino } = await stat(sandboxes.root('one'));
    await sandboxes.provider.createSandbox(request(repository.path), context());
    expect((await stat(sandboxes.root('one'))).ino).toBe(ino);
    expect(await readdir(join(sandboxes.dataDir, 'sandboxes'))).toEqual(['one']);
  });

  it('refuses keys that are no safe file name', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    for (const key of [
      '',
      '.',
      '..',
      '../x',
      'a/b',
      '-x',
      'a~b',
      'a b',
      'a\n',
      'a\0',
      'ä',
      'a'.repeat(129),
    ]) {
      const error = await rejection(
        sandboxes.provider.createSandbox(request(repository.path, { key }), context()),
      );
      expect(error).toMatchObject({ code: 'SANDBOX_FAILED', retryable: false });
      await expect(sandboxes.provider.destroySandbox(key, context())).rejects.toThrow('is not valid');
    }
    expect(await readdir(join(sandboxes.dataDir, 'sandboxes'))).toEqual([]);
  });

  it('refuses an address, branch or base ref that looks like an option or an expression', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const trap = join(sandboxes.dataDir, 'trap');
    const hostile = [
      { repoUrl: `--upload-pack=touch ${trap}` },
      { repoUrl: `ext::sh -c "touch ${trap}"` },
      { branch: `--orphan=x` },
      { branch: '../../escape' },
      { branch: 'HEAD' },
      { baseRef: `--upload-pack=touch ${trap}` },
      { baseRef: '--all' },
      { baseRef: 'main^{/x}' },
      { baseRef: '0123456789'.repeat(4) },
      { baseRef: '0123456' },
      { baseRef: '' },
    ];
    for (const more of hostile) {
      const error = await rejection(
        sandboxes.provider.createSandbox(request(repository.path, more), context()),
      );
      expect(error.retryable).toBe(false);
    }
    await expect(stat(trap)).rejects.toThrow('ENOENT');
    expect(await sandboxes.provider.listSandboxes(context())).toEqual([]);
  });

  it('refuses repositories on this machine when they are not allowed', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes({ allowLocalRepos: false });
    for (const url of [repository.path, `file://${repository.path}`]) {
      const error = await rejection(sandboxes.provider.createSandbox(request(url), context()));
      expect(error).toMatchObject({ code: 'REPOSITORY_NOT_FOUND', retryable: false });
    }
  });

  it('runs no hook of the repository or the user', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const trap = join(sandboxes.dataDir, 'trap');
    for (const hook of ['post-checkout', 'pre-auto-gc', 'reference-transaction', 'post-index-change']) {
      await writeFile(join(repository.path, '.git', 'hooks', hook), `#!/bin/sh\ntouch ${trap}\n`, {
        mode: 0o755,
      });
    }
    await sandboxes.provider.createSandbox(request(repository.path), context());
    await expect(stat(trap)).rejects.toThrow('ENOENT');
  });

  it('leaves nothing behind when the signal aborts', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const controller = new AbortController();
    const creating = sandboxes.provider.createSandbox(request(repository.path), {
      ...context(controller.signal),
      log: () => controller.abort(new Error('canceled')),
    });
    await expect(creating).rejects.toThrow('canceled');
    expect(await sandboxes.provider.listSandboxes(context())).toEqual([]);
  });

  it('throws SANDBOX_GONE when the sandbox is destroyed while it is being made', async () => {
    await using repository = await createGitRepository();
    await using sandboxes = await openLocalSandboxes();
    const reached = Promise.withResolvers<void>();
    const creating = rejection(
      sandboxes.provider.createSandbox(request(repository.path), {
        ...context(),
        log: () => reached.resolve(),
      }),
    );
    await reached.promise;
    expect((await sandboxes.provider.listSandboxes(context())).map(({ key }) => key)).toEqual(['one']);
    await sandboxes.provider.destroySandbox('one', context());
    expect(await creating).toMatchObject({ code: 'SANDBOX_GONE', retryable: true });
    expect(await waitFor(async () => readdir(join(sandboxes.dataDir, 'sandboxes')))).toEqual([]);
  });
});
