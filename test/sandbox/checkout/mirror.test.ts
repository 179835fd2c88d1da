import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGitRepository, type GitRepository } from '../../support/git-repository.ts';
import { context, gitIn, type LocalSandboxes, openLocalSandboxes, request } from '../local-sandboxes.ts';

let repository: GitRepository;
let sandboxes: LocalSandboxes;

beforeEach(async () => {
  repository = await createGitRepository();
  sandboxes = await openLocalSandboxes();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await sandboxes[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

/** Makes a sandbox; returns its checkout and what was logged. */
async function make(key: string, baseRef: string | null = null) {
  const lines: string[] = [];
  const wanted = request(repository.path, { key, baseRef });
  const { cwd } = await sandboxes.provider.createSandbox(wanted, {
    ...context(),
    log: (line) => lines.push(line),
  });
  return { cwd, lines };
}

/** What `makeTwo` has made first, in folders that no test changes. */
let model:
  | { readonly repository: GitRepository; readonly folder: string; readonly newest: string }
  | undefined;

afterAll(async () => {
  if (model) await rm(model.folder, { recursive: true });
});

/** Makes a sandbox, a new commit and another sandbox, but only once: after that it copies them, because git needs dozens of processes. Returns the id of the commit. */
async function makeTwo(): Promise<string> {
  const options = { recursive: true, preserveTimestamps: true };
  if (model) {
    await repository[Symbol.asyncDispose]();
    repository = model.repository;
    await cp(join(model.folder, 'repository'), repository.path, options);
    await cp(join(model.folder, 'data'), sandboxes.dataDir, options);
    return model.newest;
  }
  await make('one');
  const newest = await repository.commit('second.txt', 'second');
  await make('two');
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-mirror-'));
  await cp(repository.path, join(folder, 'repository'), options);
  await cp(sandboxes.dataDir, join(folder, 'data'), options);
  model = { repository, folder, newest };
  return newest;
}

async function mirror(): Promise<string> {
  const folder = join(sandboxes.dataDir, 'mirrors');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.git'));
  expect(names).toHaveLength(1);
  return join(folder, names[0] as string);
}

async function objectFiles(isMeant: (path: string) => boolean): Promise<string[]> {
  const folder = join(await mirror(), 'objects');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(isMeant);
}

const isPack = (path: string) => path.endsWith('.pack');
const isIndex = (path: string) => path.endsWith('.idx');
const isLoose = (path: string) => !path.includes('/pack/');

async function forFiles(isMeant: (path: string) => boolean, damage: (path: string) => Promise<void>) {
  const files = await objectFiles(isMeant);
  expect(files).not.toEqual([]);
  for (const file of files) await damage(file);
}

const empty = (path: string) => truncate(path);
const cut = (path: string) => truncate(path, 20);
const overwrite = async (path: string) => writeFile(path, (await readFile(path)).fill(0xff, 12));

// The first fetch of a mirror stores a pack, and a later one that brings little stores single objects.
const damages: Array<[name: string, damage: () => Promise<void>]> = [
  ['all packs are gone', () => forFiles(isPack, rm)],
  ['all packs are empty', () => forFiles(isPack, empty)],
  ['all packs are overwritten', () => forFiles(isPack, overwrite)],
  ['all indexes are empty', () => forFiles(isIndex, empty)],
  ['all indexes are overwritten', () => forFiles(isIndex, overwrite)],
  ['all single objects are gone', () => forFiles(isLoose, rm)],
  ['all single objects are empty', () => forFiles(isLoose, empty)],
  ['all single objects are overwritten', () => forFiles(isLoose, overwrite)],
  ['one object is empty', async () => empty((await objectFiles(isLoose))[0] as string)],
  ['the object folder is gone', async () => rm(join(await mirror(), 'objects'), { recursive: true })],
  ['the record of the last fetch is cut', async () => cut(join(await mirror(), 'last-fetch.json'))],
  [
    'everything is empty',
    async () => {
      await forFiles(() => true, empty);
      await empty(join(await mirror(), 'last-fetch.json'));
    },
  ],
];

describe('a mirror', () => {
  describe.each(damages)('of which %s', (_, damage) => {
    it.each(['nothing new', 'a new commit'])('is repaired when the remote has %s', async (news) => {
      const newest = await makeTwo();
      await damage();
      const head = news === 'a new commit' ? await repository.commit('third.txt', 'third') : newest;

      const three = await make('three');
      // The branch's commit and name alone: no file differs.
      const status = gitIn(three.cwd, 'status', '--porcelain=2', '--branch');
      expect(status.split('\n')).toEqual([`# branch.oid ${head}`, expect.stringMatching(/^# branch.head /)]);
      // Each object of each sandbox can be read again.
      for (const cwd of [join(sandboxes.root('one'), 'checkout'), three.cwd])
        gitIn(cwd, 'log', '--all', '--patch');
      expect((await make('four')).lines.join()).not.toContain('damaged');
    });
  });

  it('that is damaged is fetched once for several tasks at once', async () => {
    const calls = join(sandboxes.dataDir, 'calls');
    const ssh = join(sandboxes.dataDir, 'ssh');
    const lines = ['#!/bin/sh', `echo call >> ${calls}`, 'for last; do :; done', 'exec sh -c "$last"'];
    await writeFile(ssh, lines.join('\n'), { mode: 0o755 });
    vi.stubEnv('GIT_SSH_COMMAND', ssh);
    const makeOverSsh = (key: string) =>
      sandboxes.provider.createSandbox(request(`ssh://git@host${repository.path}`, { key }), context());
    await makeOverSsh('one');
    await forFiles(isPack, empty);
    await writeFile(calls, '');
    await Promise.all(['two', 'three', 'four'].map(makeOverSsh));
    // Each lists the refs, and one fetches.
    expect((await readFile(calls, 'utf8')).match(/call/g)).toHaveLength(4);
  });

  it('is not the reason for an error when the remote is damaged', async () => {
    await make('one');
    const tree = repository.git('rev-parse', 'HEAD^{tree}');
    await repository.commit('second.txt', 'second');
    await rm(join(repository.path, '.git', 'objects', tree.slice(0, 2), tree.slice(2)));
    await repository.commit('third.txt', 'third');
    await rm(await mirror(), { recursive: true });
    await expect(make('two')).rejects.toMatchObject({ code: 'REPOSITORY_INCOMPLETE', retryable: false });
  });

  it('has no leftovers of fetches that were killed long ago', async () => {
    await make('one');
    const abandoned = join(await mirror(), 'objects', 'tmp_objdir-1');
    await mkdir(abandoned);
    await writeFile(join(await mirror(), 'objects', 'pack', 'tmp_pack_1'), '');
    const old = new Date(Date.now() - 7 * 3_600_000);
    await utimes(join(await mirror(), 'objects', 'pack', 'tmp_pack_1'), old, old);
    await utimes(abandoned, old, old);
    await repository.commit('second.txt', 'second');
    await make('two');
    expect(await readdir(join(await mirror(), 'objects'))).not.toContain('tmp_objdir-1');
    expect(await readdir(join(await mirror(), 'objects', 'pack'))).not.toContain('tmp_pack_1');
  });

  it('is found by its checkouts after the data folder was moved', async () => {
    await make('one');
    const moved = `${sandboxes.dataDir}-moved`;
    await rename(sandboxes.dataDir, moved);
    try {
      expect(gitIn(join(moved, 'sandboxes', 'one', 'checkout'), 'log', '--format=%s')).toBe('Add README.md');
    } finally {
      await rename(moved, sandboxes.dataDir);
    }
  });
});

describe('the mirror of a shallow remote', () => {
  let original: GitRepository;

  beforeEach(async () => {
    original = repository;
    for (const name of ['two', 'three', 'four', 'five']) await original.commit(`${name}.txt`, name);
    repository = await createGitRepository({ empty: true });
    repository.git('remote', 'add', 'origin', `file://${original.path}`);
    repository.git('fetch', '--quiet', '--depth=2', 'origin', 'main');
    repository.git('reset', '--quiet', '--hard', 'FETCH_HEAD');
    expect(gitIn((await make('shallow')).cwd, 'rev-list', '--count', 'HEAD')).toBe('2');
  });

  afterEach(() => original[Symbol.asyncDispose]());

  it.each([
    ['has all history', '5', ['fetch', '--quiet', '--unshallow', 'origin']],
    ['has more history', '4', ['fetch', '--quiet', '--deepen=2', 'origin', 'main']],
    ['is as it was', '2', ['status']],
  ])('gets what the remote has when the remote %s', async (_, count, command) => {
    repository.git(...command);
    const { cwd } = await make('later');
    expect(gitIn(cwd, 'rev-list', '--count', 'HEAD')).toBe(count);
    expect(gitIn(cwd, 'fsck', '--no-dangling')).toBe('');
  });

  it('gets all history when the remote has that and a new commit', async () => {
    repository.git('fetch', '--quiet', '--unshallow', 'origin');
    await repository.commit('six.txt', 'six');
    const { cwd } = await make('later');
    expect(gitIn(cwd, 'rev-list', '--count', 'HEAD')).toBe('6');
    expect(gitIn(cwd, 'rev-parse', '--is-shallow-repository')).toBe('false');
  });

  it('serves a remote that became shallow again', async () => {
    repository.git('fetch', '--quiet', '--unshallow', 'origin');
    await make('later');
    await original.commit('six.txt', 'six');
    await rm(join(repository.path, '.git'), { recursive: true });
    repository.git('init', '--quiet', '--initial-branch=main');
    repository.git('fetch', '--quiet', '--depth=1', `file://${original.path}`, 'main');
    repository.git('reset', '--quiet', '--hard', 'FETCH_HEAD');
    const { cwd } = await make('last');
    expect(gitIn(cwd, 'rev-parse', 'HEAD')).toBe(original.git('rev-parse', 'HEAD'));
    expect(gitIn(cwd, 'fsck', '--no-dangling')).toBe('');
  });
});
