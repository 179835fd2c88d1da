import { mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readFolderName, type SandboxFolder } from './sandbox-paths.ts';

/** Where the provider keeps its things. Shared by all workers of this machine. */
export interface LocalFolders {
  readonly mirrors: string;
  readonly sandboxes: string;
  readonly allowLocalRepos: boolean;
}

/** Makes the folders. Their real paths: a sandbox's path is also the mark of its processes, so it has one spelling. */
export async function openFolders(dataDir: string, allowLocalRepos: boolean): Promise<LocalFolders> {
  const sandboxes = join(resolve(dataDir), 'sandboxes');
  await mkdir(sandboxes, { recursive: true, mode: 0o700 });
  const base = join(await realpath(sandboxes), '..');
  return { mirrors: join(base, 'mirrors'), sandboxes: join(base, 'sandboxes'), allowLocalRepos };
}

export async function allFolders(folders: LocalFolders): Promise<SandboxFolder[]> {
  return (await readdir(folders.sandboxes)).map(readFolderName).filter((folder) => folder !== undefined);
}

/** What is being made or removed, or was when its process died, under this key. */
export async function transitionalFolders(folders: LocalFolders, key: string): Promise<SandboxFolder[]> {
  return (await allFolders(folders)).filter(
    (folder) => folder.key === key && folder.inProgress !== undefined,
  );
}

/** A sandbox is there when its folder is: it appears whole. */
export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** How folders are removed: something may still be writing into them. */
export const rmOptions = { recursive: true, force: true, maxRetries: 10 } as const;
