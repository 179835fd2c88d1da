import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readClaim } from '../exclusive-file.ts';
import { hasSandboxMarker, isAlive, type ProcessIdentity } from '../processes.ts';

/**
 * A sandbox's agent servers, one after another: `N.json` says the port and token of the Nth, `N.pid` is written by the
 * server's own process before it becomes the server, and by one process only. The last one is the one in use.
 */
export interface AgentServerPlan {
  readonly port: number;
  readonly token: string;
}

export interface AgentServerRecord extends AgentServerPlan {
  readonly number: number;
}

export const planPath = (folder: string, number: number) => join(folder, `${number}.json`);
export const pidPath = (folder: string, number: number) => join(folder, `${number}.pid`);

/** The server that is in use; undefined when none was ever planned. */
export async function latestServer(folder: string): Promise<AgentServerRecord | undefined> {
  const number = Math.max(0, ...(await numbers(folder)));
  const plan = await readClaim<AgentServerPlan>(planPath(folder, number));
  return plan && { ...plan, number };
}

export type ServerState = 'unclaimed' | 'dead' | ProcessIdentity;

/** Whether the server's process has been started, and lives. A pid that another program has by now counts as dead. */
export async function serverState(folder: string, root: string, number: number): Promise<ServerState> {
  const text = await readFile(pidPath(folder, number), 'utf8').catch(() => undefined);
  if (text === undefined) return 'unclaimed';
  const [pid = '', ...written] = text.trim().split(/\s+/);
  const identity = { pid: Number(pid), start: written.join('_') };
  // The mark as well: after a reboot pids and starting times may come again.
  return (await isAlive(identity)) && (await hasSandboxMarker(identity.pid, root)) !== false
    ? identity
    : 'dead';
}

/** All servers of a sandbox whose processes live. */
export async function serverProcesses(folder: string, root: string): Promise<ProcessIdentity[]> {
  const states = await Promise.all(
    (await numbers(folder)).map((number) => serverState(folder, root, number)),
  );
  return states.filter((state) => typeof state === 'object');
}

async function numbers(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => []);
  return names.map((name) => Number(/^(\d+)\.json$/.exec(name)?.[1])).filter((number) => number > 0);
}

/**
 * Becomes a server, unless another process has become the server of this number: `ln` of a file that holds its pid
 * succeeds for one process only, and the pid stays the same through `exec`.
 */
export const execServerScript = `
set -eu
start_of() {
  if [ -r /proc/$1/stat ]; then stat=$(cat /proc/$1/stat); set -- \${stat##*) }; echo "\${20}"
  else LC_ALL=C ps -o lstart= -p $1; fi
}
pid_file=$1; shift
draft=$pid_file~$$
echo "$$ $(start_of $$)" > "$draft"
ln "$draft" "$pid_file" 2>/dev/null || { rm -f "$draft"; exit 0; }
rm -f "$draft"
exec "$@"
`;
