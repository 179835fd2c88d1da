import { createHash, randomBytes } from 'node:crypto';
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { runGit } from '../../../git/git.ts';
import type { RepoAddress } from '../../../git/git-address.ts';
import { GitError } from '../../../git/git-error.ts';
import { withLocalRepoAccess } from '../../../git/local-repository.ts';
import type { Remote } from '../../../git/remote.ts';
import { repositoryError } from '../../../git/remote.ts';
import { withLease } from './file-lease.ts';

export interface Mirror {
  /** The bare repository whose objects the checkouts borrow. Nothing ever removes an object from it. */
  readonly path: string;
  /** Whether it holds everything that the remote listed. */
  readonly complete: boolean;
}

/** Brings the repository's mirror up to date with what the remote listed, as far as that is not so already. */
export async function updateMirror(
  mirrors: string,
  address: RepoAddress,
  remote: Remote,
  signal: AbortSignal,
): Promise<Mirror> {
  const name = createHash('sha256').update(address.url).digest('hex').slice(0, 32);
  const path = join(mirrors, `${name}.git`);
  await mkdir(mirrors, { recursive: true, mode: 0o700 });
  await ensureRepository(path, signal);
  if (await holdsAll(path, remote, signal)) return { path, complete: true };

  return await withLease(join(mirrors, `${name}.lease`), signal, async () => {
    // The previous holder of the lease may have fetched it.
    if (await holdsAll(path, remote, signal)) return { path, complete: true };
    await removeOld(join(path, 'objects', 'pack'), (name) => name.startsWith('tmp_'), abandonedPackMs);
    try {
      await fetchAll(path, address, remote, signal);
    } catch (error) {
      // A git that was killed leaves its lock files, and one that outlived its worker may still hold them. The objects
      // are there or not whatever the refs say, and a checkout fetches what it misses: locks delay, they never wedge.
      if (!(error instanceof GitError) || error.failure !== 'locked') throw repositoryError(error);
      await removeOld(path, (name) => name.endsWith('.lock'), staleLockMs);
      await fetchAll(path, address, remote, signal).catch((again: unknown) => {
        if (!(again instanceof GitError) || again.failure !== 'locked') throw repositoryError(again);
      });
    }
    return { path, complete: await holdsAll(path, remote, signal) };
  });
}

async function ensureRepository(path: string, signal: AbortSignal): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists) return;
  const draft = `${path}~${randomBytes(6).toString('hex')}`;
  try {
    await runGit(['init', '--quiet', '--bare', '--template=', '--', draft], { signal });
    // Borrowed objects must stay: git would count those of vanished branches as garbage.
    await runGit(['--git-dir', draft, 'config', 'gc.pruneExpire', 'never'], { signal });
    await rename(draft, path);
  } catch (error) {
    if (!['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function fetchAll(
  path: string,
  address: RepoAddress,
  remote: Remote,
  signal: AbortSignal,
): Promise<void> {
  const refs = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];
  // A commit that is checked out without a branch is on none of them.
  if (remote.head !== undefined) refs.push('+HEAD:refs/groundcrew/head');
  await withLocalRepoAccess(address, (access) =>
    runGit(
      [
        ...['--git-dir', path, 'fetch', '--quiet', '--prune', '--no-tags', '--no-write-fetch-head'],
        '--update-shallow',
        ...['--end-of-options', address.url, ...refs],
      ],
      { ...access, signal },
    ),
  );
}

async function holdsAll(path: string, remote: Remote, signal: AbortSignal): Promise<boolean> {
  const refs = await runGit(['--git-dir', path, 'for-each-ref', '--format=%(objectname)'], { signal });
  // A ref is written after all that it reaches, so refs prove completeness; a lone object would not.
  const held = new Set(refs.split('\n'));
  return [...remote.refs.values(), ...(remote.head ? [remote.head] : [])].every((oid) => held.has(oid));
}

// Locks are held while refs are written, for moments; packs while they arrive.
const staleLockMs = 60_000;
const abandonedPackMs = 6 * 3_600_000;

async function removeOld(folder: string, isMeant: (name: string) => boolean, ageMs: number): Promise<void> {
  const entries = await readdir(folder, { recursive: true });
  for (const entry of entries.filter((name) => isMeant(basename(name)))) {
    const path = join(folder, entry);
    const changed = await stat(path).catch(() => undefined);
    if (changed && Date.now() - changed.mtimeMs > ageMs) await rm(path, { force: true });
  }
}
