import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { inject } from 'vitest';
import { launchersFolder } from '../../src/agents/launchers.ts';
import { createLocalProvider } from '../../src/sandbox/local/local-provider.ts';
import { readLocation } from '../../src/sandbox/local/location.ts';
import { findProcesses, sandboxMarker } from '../../src/sandbox/local/processes.ts';
import type {
  AgentEndpoint,
  CreateSandboxRequest,
  SandboxProvider,
  StepContext,
} from '../../src/sandbox/provider.ts';

/** The provider local on a data folder of its own. Disposing destroys all sandboxes, and fails when a process is left. */
export interface LocalSandboxes extends AsyncDisposable {
  readonly provider: SandboxProvider;
  readonly dataDir: string;
  root(key: string): string;
  /** What the processes of a sandbox have in their environment. */
  marker(key: string): Promise<string>;
  /** The pids of all processes in a sandbox. */
  running(key: string): Promise<number[]>;
  /** The pids of the agent servers in a sandbox. */
  servers(key: string): Promise<number[]>;
}

export async function openLocalSandboxes(
  options: { allowLocalRepos?: boolean; agentTimeoutMs?: number } = {},
): Promise<LocalSandboxes> {
  const dataDir = await realpath(await mkdtemp(join(tmpdir(), 'groundcrew-data-')));
  const provider = createLocalProvider({
    dataDir,
    allowLocalRepos: options.allowLocalRepos ?? true,
    logger: pino({ level: 'silent' }),
    ...(options.agentTimeoutMs === undefined ? {} : { agentTimeoutMs: options.agentTimeoutMs }),
  });
  const root = (key: string) => join(dataDir, 'sandboxes', key);
  const marker = async (key: string) => sandboxMarker(await readLocation(dataDir), key);
  const running = async (key: string) => await findProcesses([await marker(key)]);
  return {
    provider,
    dataDir,
    root,
    marker,
    running,
    servers: async (key) => findServers(await running(key)),
    async [Symbol.asyncDispose]() {
      const keys = (await provider.listSandboxes(context())).map(({ key }) => key);
      for (const key of keys) await provider.destroySandbox(key, context());
      const left = (await Promise.all(keys.map(running))).flat();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 10 });
      if (left.length > 0) throw new Error(`still running: ${left.join(', ')}`);
    },
  };
}

/** Without a timeout of its own: the test's timeout ends a call that hangs. */
export function context(signal: AbortSignal = new AbortController().signal): StepContext {
  return { signal, attempt: 1, log: () => {} };
}

export function request(repoUrl: string, more: Partial<CreateSandboxRequest> = {}): CreateSandboxRequest {
  return { key: 'one', taskId: 'task_1', repoUrl, branch: 'work', baseRef: null, ...more };
}

/** The names of the agent server's conversations; each is one process of an agent. */
export async function conversationsOf({ baseUrl, token }: AgentEndpoint): Promise<string[]> {
  const response = await fetch(`${baseUrl}/v1/acp`, { headers: { authorization: `Bearer ${token}` } });
  const { servers } = (await response.json()) as { servers: { serverId: string }[] };
  return servers.map(({ serverId }) => serverId);
}

export function gitIn(folder: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim();
}

/** Installs a launcher of the agent `amp` in a sandbox. */
export async function installAgent(root: string, script: string, mode = 0o755): Promise<void> {
  const folder = join(root, 'home', launchersFolder);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'amp-acp'), script);
  await chmod(join(folder, 'amp-acp'), mode);
}

async function findServers(pids: readonly number[]): Promise<number[]> {
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return pids.filter((_, index) => /sandbox-agent\0server\0/.test(commands[index] ?? ''));
}

export interface CallOptions {
  /** The process is killed as soon as this is true. When it ends before, that is no error. */
  readonly killWhen?: () => Promise<boolean>;
  /** In addition to the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that executes the one in its last arguments. */
  readonly wrapper?: readonly string[];
}

/** Runs provider-call.ts with the arguments DATA_DIR REPOSITORY KEY AGENT, and resolves with its output once it has ended. */
export async function callInProcess(
  args: readonly string[],
  { killWhen, env = {}, wrapper = [] }: CallOptions = {},
): Promise<string> {
  const script = inject('programs').providerCall;
  const [program = '', ...rest] = [...wrapper, process.execPath, script, ...args];
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'close');
  const output = text(child.stdout);
  while (killWhen && child.exitCode === null && child.signalCode === null) {
    if (await killWhen()) child.kill('SIGKILL');
    await delay(1);
  }
  await ended;
  return await output;
}
