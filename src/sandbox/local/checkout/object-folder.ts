import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Makes a folder in which git can store objects. */
export async function makeObjectFolder(path: string): Promise<void> {
  for (const folder of ['pack', 'info']) {
    await mkdir(join(path, folder), { recursive: true, mode: 0o700 });
  }
}

export interface FolderSize {
  readonly files: number;
  readonly bytes: number;
}

/** Counts the files of objects. Temporary files of fetches are none. */
export async function measureObjects(path: string): Promise<FolderSize> {
  const files = (await filesIn(path)).filter((file) => !/(^|\/)tmp_/.test(file));
  const sizes = await Promise.all(
    files.map((file) =>
      stat(join(path, file)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return { files: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** Moves the objects into another folder, over damaged ones of the same name. */
export async function moveObjects(from: string, to: string): Promise<void> {
  const files = await filesIn(from);
  // Git uses a pack once its index is there.
  for (const file of [...files.filter((name) => !isIndex(name)), ...files.filter(isIndex)]) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    await rename(join(from, file), join(to, file));
  }
}

/** Removes what is left of files whose content a power loss kept from the disk: no object and no pack is empty. */
export async function removeEmptyFiles(path: string): Promise<void> {
  for (const file of await filesIn(path)) {
    const stats = await stat(join(path, file)).catch(() => undefined);
    if (stats?.size === 0) await rm(join(path, file), { force: true });
  }
}

/** Longer than any fetch takes. */
const abandonedAfterMs = 6 * 3_600_000;

/** Removes what fetches left that were killed. */
export async function removeAbandoned(path: string): Promise<void> {
  for (const folder of [path, join(path, 'pack')]) {
    for (const name of await readdir(folder)) {
      if (!name.startsWith('tmp_')) continue;
      const stats = await stat(join(folder, name)).catch(() => undefined);
      if (stats === undefined || Date.now() - stats.mtimeMs < abandonedAfterMs) continue;
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}

function isIndex(name: string): boolean {
  return name.endsWith('.idx');
}

/** Paths of all files below the folder, relative to it. */
async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1));
}
