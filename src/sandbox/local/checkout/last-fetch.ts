import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isCommitId } from '../../../git/remote.ts';
import { replaceFile } from '../exclusive-file.ts';
import type { FolderSize } from './object-folder.ts';

/** What a mirror had after the last fetch into it. */
export interface LastFetch {
  /** Differs for each fetch. */
  readonly id: string;
  /** Objects that the mirror has with all objects that they lead to, as far as `shallow`. */
  readonly tips: readonly string[];
  /** Commits whose parents the remote did not have, because it was shallow. */
  readonly shallow: readonly string[];
  /** Of the object folder. If it has become smaller, objects are lost. */
  readonly size: FolderSize;
}

/** Returns the record as written. */
export async function writeLastFetch(path: string, fetched: Omit<LastFetch, 'id'>): Promise<LastFetch> {
  const record = { id: randomBytes(8).toString('hex'), ...fetched };
  await replaceFile(path, record);
  return record;
}

/** Undefined when there is none, or when a power loss has damaged it. */
export async function readLastFetch(path: string): Promise<LastFetch | undefined> {
  try {
    const { id, tips, shallow, size } = JSON.parse(await readFile(path, 'utf8'));
    const isWhole =
      typeof id === 'string' &&
      [...tips, ...shallow].every((oid) => typeof oid === 'string' && isCommitId(oid)) &&
      size.files >= 0 &&
      size.bytes >= 0;
    return isWhole ? { id, tips, shallow, size } : undefined;
  } catch {
    return undefined;
  }
}
