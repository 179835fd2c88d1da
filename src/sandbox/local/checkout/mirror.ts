import { createHash, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RepoAddress } from '../../../git/git-address.ts';
import { GitError } from '../../../git/git-error.ts';
import { isCommitId, listedObjects, type Remote, repositoryError } from '../../../git/remote.ts';
import { withRepoAccess } from '../../../git/repository-access.ts';
import { withLease } from './file-lease.ts';
import { type LastFetch, readLastFetch, writeLastFetch } from './last-fetch.ts';
import type { NewRepository } from './new-repository.ts';
import {
  makeObjectFolder,
  measureObjects,
  moveObjects,
  removeAbandoned,
  removeEmptyFiles,
} from './object-folder.ts';
import { packedRefs } from './packed-refs.ts';

/**
 * The objects of one remote repository, which its checkouts on this machine borrow. Nothing ever removes an object. There
 * are no refs and no configuration that could be damaged: git runs in the checkouts, with this object folder.
 */
export class Mirror {
  /** The object folder. */
  readonly objects: string;
  readonly #address: RepoAddress;
  readonly #lastFetchPath: string;
  readonly #leasePath: string;
  /** The last fetch that `update` saw or made. */
  #seen: LastFetch | undefined;

  constructor(mirrors: string, address: RepoAddress, objectFormat: Remote['objectFormat']) {
    const hash = createHash('sha256').update(address.url).digest('hex').slice(0, 32);
    const name = objectFormat === 'sha1' ? hash : `${hash}-${objectFormat}`;
    const folder = join(mirrors, `${name}.git`);
    this.objects = join(folder, 'objects');
    this.#address = address;
    this.#lastFetchPath = join(folder, 'last-fetch.json');
    this.#leasePath = join(mirrors, `${name}.lease`);
  }

  /**
   * Makes sure that the mirror has all objects that the remote listed. `repository` is new, and afterwards it is shallow
   * where the remote is. Throws a GitError with the failure `damaged` when the mirror is found to be damaged.
   */
  async update(repository: NewRepository, remote: Remote): Promise<void> {
    await makeObjectFolder(this.objects);
    if (await this.#isUpToDate(repository, remote)) return;
    await withLease(this.#leasePath, repository.signal, async () => {
      // The previous holder of the lease may have fetched it.
      if (await this.#isUpToDate(repository, remote)) return;
      await removeAbandoned(this.objects);
      if (this.#seen === undefined) await this.#fetchAll(repository, remote);
      else await this.#fetchNew(repository, remote, this.#seen);
    });
  }

  /**
   * Fetches all objects again and adds them; for a mirror that is damaged. Checkouts that borrow from the mirror get lost
   * objects back.
   */
  async repair(repository: NewRepository, remote: Remote): Promise<void> {
    const found = this.#seen;
    await withLease(this.#leasePath, repository.signal, async () => {
      const last = await readLastFetch(this.#lastFetchPath);
      if (last?.id === found?.id) return await this.#fetchAll(repository, remote);
      // Another process has fetched since, so it has probably repaired the mirror.
      if (await this.#isUpToDate(repository, remote)) return;
      if (last === undefined) await this.#fetchAll(repository, remote);
      else await this.#fetchNew(repository, remote, last);
    });
  }

  async #isUpToDate(repository: NewRepository, remote: Remote): Promise<boolean> {
    const last = await readLastFetch(this.#lastFetchPath);
    this.#seen = last;
    if (last === undefined) return false;
    await this.#assertSize(last);
    // Whether a shallow remote has more history by now is known once it is asked.
    if (last.shallow.length > 0) return false;
    const known = new Set(last.tips);
    const listed = [...listedObjects(remote)];
    if (!listed.every((oid) => known.has(oid))) return false;
    await this.#assertObjects(repository, listed);
    return true;
  }

  /** Finds losses that git would notice late or never: files that a power loss left empty, or that a cleaner removed. */
  async #assertSize({ size }: LastFetch): Promise<void> {
    const { files, bytes } = await measureObjects(this.objects);
    if (files >= size.files && bytes >= size.bytes) return;
    const change = `${size.files} files of ${size.bytes} bytes have become ${files} of ${bytes}`;
    throw new GitError('fetch', `missing objects: ${change}`, null, 'damaged');
  }

  /** The refs of the checkout are written without git, so that git does not notice an object that is missing. */
  async #assertObjects(repository: NewRepository, oids: readonly string[]): Promise<void> {
    const found = await repository.git(['cat-file', '--batch-check', '--buffer'], {
      input: lines(oids),
      env: { GIT_OBJECT_DIRECTORY: this.objects },
    });
    const missing = found.split('\n').find((line) => line.endsWith(' missing'));
    if (missing !== undefined) throw new GitError('cat-file', `missing object: ${missing}`, null, 'damaged');
  }

  async #fetchNew(repository: NewRepository, remote: Remote, last: LastFetch): Promise<void> {
    const isShallow = last.shallow.length > 0;
    const known = new Set(isShallow ? [] : last.tips);
    const wanted = [...listedObjects(remote)].filter((oid) => !known.has(oid));
    // Git offers to the remote what its refs lead to, so that only new objects are sent.
    await repository.write('packed-refs', packedRefs(last.tips.map((oid) => [`refs/tips/${oid}`, oid])));
    if (isShallow) await repository.write('shallow', lines(last.shallow));
    try {
      // `--unshallow` fetches as much history as the remote has. In a repository that is not shallow, git refuses it.
      const depth = isShallow ? '--unshallow' : '--update-shallow';
      await this.#fetch(repository, wanted, this.objects, [depth]);
    } catch (error) {
      throw fetchError(error);
    }
    await this.#recordFetch(repository, remote);
  }

  async #fetchAll(repository: NewRepository, remote: Remote): Promise<void> {
    // Into an empty folder, because git does not write an object that exists, even if it is damaged. As a pack, because
    // git looks into packs first. The folder has the name of git's own temporary folders.
    const fresh = join(this.objects, `tmp_objdir-${randomBytes(6).toString('hex')}`);
    try {
      await makeObjectFolder(fresh);
      await this.#fetch(repository, listedObjects(remote), fresh, ['--update-shallow', '--keep']);
      await removeEmptyFiles(this.objects);
      await moveObjects(fresh, this.objects);
    } catch (error) {
      throw repositoryError(error);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
    await this.#recordFetch(repository, remote);
  }

  async #fetch(
    repository: NewRepository,
    oids: Iterable<string>,
    objects: string,
    options: readonly string[],
  ): Promise<void> {
    await withRepoAccess(this.#address, (access) =>
      repository.git(
        [
          ...['fetch', '--quiet', '--no-tags', '--no-prune', '--no-write-fetch-head', ...options],
          // By ids, so that what was listed arrives, whatever the refs are by now.
          ...['--stdin', '--end-of-options', this.#address.url],
        ],
        { ...access, input: lines(oids), env: { ...access.env, GIT_OBJECT_DIRECTORY: objects } },
      ),
    );
  }

  async #recordFetch(repository: NewRepository, remote: Remote): Promise<void> {
    this.#seen = await writeLastFetch(this.#lastFetchPath, {
      tips: [...listedObjects(remote)],
      shallow: (await repository.read('shallow')).split('\n').filter(isCommitId),
      size: await measureObjects(this.objects),
    });
  }
}

/** What a failed fetch means, unless it may come from a damaged mirror. */
export function fetchError(error: unknown): unknown {
  return isDamage(error) ? error : repositoryError(error);
}

/** Whether the error may come from a damaged mirror. */
export function isDamage(error: unknown): boolean {
  return error instanceof GitError && error.failure === 'damaged';
}

function lines(oids: Iterable<string>): string {
  return [...oids].map((oid) => `${oid}\n`).join('');
}
