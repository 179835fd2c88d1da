import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxDescription } from './create-sandbox.ts';
import { allFolders, type LocalFolders } from './folders.ts';
import { pathsIn } from './sandbox-paths.ts';

/** Every key that has anything here, half-made and half-removed sandboxes too. */
export async function listSandboxes(folders: LocalFolders): Promise<Array<{ key: string; createdAt: Date }>> {
  const oldest = new Map<string, Date>();
  for (const { name, key } of await allFolders(folders)) {
    const created = await creationOf(key, join(folders.sandboxes, name));
    const known = oldest.get(key);
    if (created && (known === undefined || created < known)) oldest.set(key, created);
  }
  return [...oldest].map(([key, createdAt]) => ({ key, createdAt }));
}

async function creationOf(key: string, root: string): Promise<Date | undefined> {
  try {
    const description: SandboxDescription = JSON.parse(
      await readFile(pathsIn(key, root).description, 'utf8'),
    );
    const date = new Date(description.createdAt);
    if (!Number.isNaN(date.getTime())) return date;
  } catch {
    // Half-made, or half-removed: the folder's own age is what there is.
  }
  const folder = await stat(root).catch(() => undefined); // removed just now
  return folder && (folder.birthtimeMs > 0 ? folder.birthtime : folder.mtime);
}
