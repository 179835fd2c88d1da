import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

/**
 * Writes `content` as JSON to `path` unless the file exists, and returns whether it did. Of any number of callers, in any
 * processes, exactly one gets true, and readers see the whole content or no file. The file records what its writer was about
 * to do. So nothing has to be unlocked after a crash: the next process reads how far the writer came.
 */
export async function writeOnce(path: string, content: unknown): Promise<boolean> {
  const draft = `${path}~${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, JSON.stringify(content), { mode: 0o600, flag: 'wx' });
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Writes `content` as JSON to `path`, over what is there. Readers see the whole old or the whole new content. */
export async function replaceFile(path: string, content: unknown): Promise<void> {
  const draft = `${path}~${randomBytes(6).toString('hex')}`;
  await writeFile(draft, JSON.stringify(content), { mode: 0o600, flag: 'wx' });
  await rename(draft, path);
}

/** Reads what `writeOnce` wrote; undefined when the file does not exist. */
export async function readWritten<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
