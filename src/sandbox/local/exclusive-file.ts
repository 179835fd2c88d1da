import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';

/**
 * Writes the file with its whole content unless it exists: of any number of callers, in any processes, one is told
 * true. Unlike a lock nothing is left to clean up when that one dies: what it claimed says how far it came.
 */
export async function claim(path: string, content: unknown): Promise<boolean> {
  const draft = await writeDraft(path, content);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** What was claimed; undefined when nothing was. */
export async function readClaim<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeDraft(path: string, content: unknown): Promise<string> {
  const draft = `${path}~${randomBytes(6).toString('hex')}`;
  await writeFile(draft, JSON.stringify(content), { mode: 0o600, flag: 'wx' });
  return draft;
}
