import { allFolders, type LocalFolders } from '../folders.ts';
import { killSandboxProcesses } from '../processes.ts';
import { sandboxPaths } from '../sandbox-paths.ts';
import { serverProcesses } from './agent-servers.ts';

/** Ends every process in the sandboxes and keeps their folders, so that `ensureAgent` can start the agents again. */
export async function endAgents(folders: LocalFolders, signal: AbortSignal): Promise<void> {
  const keys = new Set((await allFolders(folders)).map(({ key }) => key));
  await Promise.all(
    [...keys].map(async (key) => {
      const paths = sandboxPaths(folders.sandboxes, key);
      await killSandboxProcesses(paths.root, await serverProcesses(paths.agentServers, paths.root), signal);
    }),
  );
}
