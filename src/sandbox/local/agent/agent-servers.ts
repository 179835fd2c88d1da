import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity } from '../../../process-identity.ts';
import { readWritten } from '../exclusive-file.ts';
import { hasMarker } from '../processes.ts';

/**
 * A sandbox's folder `agent-servers` has two files for the Nth agent server: `N.json`, with its port and token, and `N.pid`,
 * which the server's own process writes just before it executes the server's program. Each is written once, by one process.
 * The server with the highest number is in use.
 */
export interface AgentServerPlan {
  readonly port: number;
  readonly token: string;
  /** The sandbox's folder when the server was started. After a move the server looks for its agents in the wrong place. */
  readonly root: string;
}

export interface AgentServerRecord extends AgentServerPlan {
  readonly number: number;
}

export const planPath = (folder: string, number: number) => join(folder, `${number}.json`);
export const pidPath = (folder: string, number: number) => join(folder, `${number}.pid`);

/** The server that is in use; undefined when none was planned yet. */
export async function latestServer(folder: string): Promise<AgentServerRecord | undefined> {
  const number = Math.max(0, ...(await numbers(folder)));
  const plan = await readWritten<AgentServerPlan>(planPath(folder, number));
  return plan && { ...plan, number };
}

/** `unclaimed`: no process has become this server yet. */
export type ServerState = 'unclaimed' | 'dead' | ProcessIdentity;

/** The state of the server's process. `marker` is the sandbox's. A pid that belongs to another process by now counts as dead. */
export async function serverState(folder: string, marker: string, number: number): Promise<ServerState> {
  const text = await readFile(pidPath(folder, number), 'utf8').catch(() => undefined);
  if (text === undefined) return 'unclaimed';
  const [pid = '', ...written] = text.trim().split(/\s+/);
  const identity = { pid: Number(pid), start: written.join('_') };
  // After a reboot another process can have the same pid and start time: look at its environment too.
  return (await isAlive(identity)) && (await hasMarker(identity.pid, marker)) !== false ? identity : 'dead';
}

/** The processes of all servers of a sandbox that are alive. `marker` is the sandbox's. */
export async function serverProcesses(folder: string, marker: string): Promise<ProcessIdentity[]> {
  const states = await Promise.all(
    (await numbers(folder)).map((number) => serverState(folder, marker, number)),
  );
  return states.filter((state) => typeof state === 'object');
}

async function numbers(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => []);
  return names.map((name) => Number(/^(\d+)\.json$/.exec(name)?.[1])).filter((number) => number > 0);
}

/**
 * A shell script that executes the server's program, unless another process has become the server of this number: `ln` of a
 * file with the shell's pid succeeds for one process only, and `exec` keeps the pid.
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
