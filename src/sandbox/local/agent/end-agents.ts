import { allFolders, type LocalFolders } from '../folders.ts';
import { killProcesses } from '../processes.ts';
import { localSandbox } from '../sandbox-paths.ts';
import { serverProcesses } from './agent-servers.ts';

/** Ends every process in the sandboxes and keeps their folders, so that `ensureAgent` can start the agents again. */
export async function endAgents(folders: LocalFolders, signal: AbortSignal): Promise<void> {
  const keys = new Set((await allFolders(folders)).map(({ key }) => key));
  await Promise.all(
    [...keys].map(async (key) => {
      const { marker, agentServers } = localSandbox(folders, key);
      await killProcesses([marker], await serverProcesses(agentServers, marker), signal);
    }),
  );
}
