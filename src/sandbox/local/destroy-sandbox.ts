import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { serverProcesses } from './agent/agent-servers.ts';
import { allFolders, type LocalFolders, rmOptions } from './folders.ts';
import { killSandbox } from './processes.ts';
import { pathsIn, sandboxPaths, transitionalName } from './sandbox-paths.ts';

/**
 * Removes everything of `key`: the sandbox, and what other calls are still making of it, whose rename then finds its
 * folder gone. First the folder goes out of the way, so that nothing starts in it any more; then what runs; then the
 * files. Interrupted anywhere, the rest is still listed and the next call goes on.
 */
export async function destroySandbox(folders: LocalFolders, key: string, signal: AbortSignal): Promise<void> {
  const { root } = sandboxPaths(folders.sandboxes, key);
  for (;;) {
    signal.throwIfAborted();
    const found = (await allFolders(folders)).filter((folder) => folder.key === key);
    const aside: string[] = [];
    for (const { name, inProgress } of found) {
      const path = join(folders.sandboxes, name);
      if (inProgress?.kind === 'removing') {
        aside.push(path);
        continue;
      }
      const away = join(folders.sandboxes, await transitionalName(key, 'removing'));
      await rename(path, away).then(
        () => aside.push(away),
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error; // its maker was quicker
        },
      );
    }
    const servers = await Promise.all(
      aside.map((path) => serverProcesses(pathsIn(key, path).agentServers, root)),
    );
    await killSandbox(root, servers.flat(), signal);
    await Promise.all(aside.map((path) => rm(path, rmOptions)));
    if (found.length === 0) return;
  }
}
