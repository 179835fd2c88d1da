import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { serverProcesses } from './agent/agent-servers.ts';
import { allFolders, type LocalFolders, rmOptions } from './folders.ts';
import { killProcesses } from './processes.ts';
import { localSandbox, pathsIn, transitionalName } from './sandbox-paths.ts';

/**
 * Removes the sandbox of `key`, and the drafts of calls that still make it; their rename then fails, because the draft is
 * gone. It proceeds in this order:
 *
 * 1. Rename each folder, so that nothing can be started in it.
 * 2. Kill the processes.
 * 3. Remove the files.
 *
 * When it is interrupted, the renamed folders are still listed, and the next call continues.
 */
export async function destroySandbox(folders: LocalFolders, key: string, signal: AbortSignal): Promise<void> {
  const { marker } = localSandbox(folders, key);
  for (;;) {
    signal.throwIfAborted();
    const found = (await allFolders(folders)).filter((folder) => folder.key === key);
    const renamed: string[] = [];
    for (const { name, inProgress } of found) {
      const path = join(folders.sandboxes, name);
      if (inProgress?.kind === 'removing') {
        renamed.push(path);
        continue;
      }
      const target = join(folders.sandboxes, await transitionalName(key, 'removing'));
      await rename(path, target).then(
        () => renamed.push(target),
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error; // renamed meanwhile: the next round finds it
        },
      );
    }
    const servers = await Promise.all(
      renamed.map((path) => serverProcesses(pathsIn(key, path).agentServers, marker)),
    );
    await killProcesses([marker], servers.flat(), signal);
    await Promise.all(renamed.map((path) => rm(path, rmOptions)));
    if (found.length === 0) return;
  }
}
