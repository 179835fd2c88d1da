import { allFolders, type LocalFolders } from '../folders.ts';
import { killSandbox } from '../processes.ts';
import { sandboxPaths } from '../sandbox-paths.ts';
import { serverProcesses } from './agent-servers.ts';

/** Ends all that runs in the sandboxes, and keeps their folders: `ensureAgent` starts an agent server again. */
export async function endAgents(folders: LocalFolders, signal: AbortSignal): Promise<void> {
  const keys = new Set((await allFolders(folders)).map(({ key }) => key));
  await Promise.all(
    [...keys].map(async (key) => {
      const paths = sandboxPaths(folders.sandboxes, key);
      await killSandbox(paths.root, await serverProcesses(paths.agentServers, paths.root), signal);
    }),
  );
}
