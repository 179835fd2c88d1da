import { mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeDataDir } from '../../data-dir.ts';
import { readLocation } from './location.ts';
import { readFolderName, type SandboxFolder } from './sandbox-paths.ts';

/** The folders of the provider. All workers that share the data folder share them. */
export interface LocalFolders {
  readonly mirrors: string;
  readonly sandboxes: string;
  /** The id of the data folder; see location.ts. */
  readonly location: string;
  readonly allowLocalRepos: boolean;
}

/** Makes the folders, and the data folder's id. Throws ConfigError when the data folder cannot be written to. */
export async function openFolders(path: string, allowLocalRepos: boolean): Promise<LocalFolders> {
  await makeDataDir(resolve(path));
  const dataDir = await realpath(path);
  const sandboxes = join(dataDir, 'sandboxes');
  await mkdir(sandboxes, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const location = await readLocation(dataDir);
  return { mirrors: join(dataDir, 'mirrors'), sandboxes, location, allowLocalRepos };
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
