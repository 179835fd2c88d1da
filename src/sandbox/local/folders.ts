import { mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeDataDir } from '../../data-dir.ts';
import { readFolderName, type SandboxFolder } from './sandbox-paths.ts';

/** The folders of the provider. All workers that share the data folder share them. */
export interface LocalFolders {
  readonly mirrors: string;
  readonly sandboxes: string;
  readonly allowLocalRepos: boolean;
}

/**
 * Makes the folders. The paths are real paths, without links: processes are found by their sandbox's path, so it must have
 * one spelling.
 */
export async function openFolders(dataDir: string, allowLocalRepos: boolean): Promise<LocalFolders> {
  const sandboxes = join(resolve(dataDir), 'sandboxes');
  await makeDataDir(resolve(dataDir));
  await mkdir(sandboxes, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const base = join(await realpath(sandboxes), '..');
  return { mirrors: join(base, 'mirrors'), sandboxes: join(base, 'sandboxes'), allowLocalRepos };
}

export async function allFolders(folders: LocalFolders): Promise<SandboxFolder[]> {
  return (await readdir(folders.sandboxes)).map(readFolderName).filter((folder) => folder !== undefined);
}

/** The folders of this key that a process makes or removes, or did when it died. */
export async function transitionalFolders(folders: LocalFolders, key: string): Promise<SandboxFolder[]> {
  return (await allFolders(folders)).filter(
    (folder) => folder.key === key && folder.inProgress !== undefined,
  );
}

export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** With retries, because a process may still be writing into the folder. */
export const rmOptions = { recursive: true, force: true, maxRetries: 10 } as const;
