import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxDescription } from './create-sandbox.ts';
import { allFolders, type LocalFolders } from './folders.ts';
import { localSandbox, pathsIn } from './sandbox-paths.ts';

/** Every key that has a folder, also one that is half made or half removed. */
export async function listSandboxes(
  folders: LocalFolders,
): Promise<Array<{ key: string; createdAt: Date; cwd: string }>> {
  const oldest = new Map<string, Date>();
  for (const { name, key } of await allFolders(folders)) {
    const created = await createdAtOf(key, join(folders.sandboxes, name));
    const known = oldest.get(key);
    if (created && (known === undefined || created < known)) oldest.set(key, created);
  }
  return [...oldest].map(([key, createdAt]) => ({
    key,
    createdAt,
    cwd: localSandbox(folders, key).checkout,
  }));
}

async function createdAtOf(key: string, root: string): Promise<Date | undefined> {
  try {
    const description: SandboxDescription = JSON.parse(
      await readFile(pathsIn(key, root).description, 'utf8'),
    );
    const date = new Date(description.createdAt);
    if (!Number.isNaN(date.getTime())) return date;
  } catch {
    // The sandbox is half made or half removed and has no description: use the folder's own age.
  }
  const folder = await stat(root).catch(() => undefined); // undefined: it was removed meanwhile
  return folder && (folder.birthtimeMs > 0 ? folder.birthtime : folder.mtime);
}
