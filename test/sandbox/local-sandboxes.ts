import { execFileSync, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { launchersFolder } from '../../src/agents/launchers.ts';
import { createLocalProvider } from '../../src/sandbox/local/local-provider.ts';
import { findSandboxProcesses } from '../../src/sandbox/local/processes.ts';
import type { CreateSandboxRequest, SandboxProvider, StepContext } from '../../src/sandbox/provider.ts';
import { waitFor } from '../support/wait-for.ts';

/** The local provider on a data folder of its own. Disposing destroys all sandboxes and fails if something still runs. */
export interface LocalSandboxes extends AsyncDisposable {
  readonly provider: SandboxProvider;
  readonly dataDir: string;
  root(key: string): string;
  /** Pids of everything that runs in a sandbox. */
  running(key: string): Promise<number[]>;
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
  return {
    provider,
    dataDir,
    root,
    running: (key) => findSandboxProcesses(root(key)),
    async [Symbol.asyncDispose]() {
      const keys = (await provider.listSandboxes(context())).map(({ key }) => key);
      for (const key of keys) await provider.destroySandbox(key, context());
      const left = (await Promise.all(keys.map((key) => findSandboxProcesses(root(key))))).flat();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 10 });
      if (left.length > 0) throw new Error(`still running: ${left.join(', ')}`);
    },
  };
}

export function context(signal: AbortSignal = AbortSignal.timeout(30_000)): StepContext {
  return { signal, attempt: 1, log: () => {} };
}

export function request(repoUrl: string, more: Partial<CreateSandboxRequest> = {}): CreateSandboxRequest {
  return { key: 'one', taskId: 'task_1', repoUrl, branch: 'work', baseRef: null, ...more };
}

/** The demo agent's notes in a checkout, once they are there. */
export function notesIn(checkout: string): Promise<string> {
  return waitFor(() => readFile(join(checkout, 'GROUNDCREW.md'), 'utf8').catch(() => undefined));
}

export function gitIn(folder: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim();
}

/** Installs a launcher for the agent `amp`, which is none of ours, in a sandbox that has no agent server yet. */
export async function installAgent(root: string, script: string, mode = 0o755): Promise<void> {
  const folder = join(root, 'home', launchersFolder);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'amp-acp'), script);
  await chmod(join(folder, 'amp-acp'), mode);
}

/** How many agent servers run in a sandbox. */
export async function serversIn(root: string): Promise<number[]> {
  const pids = await findSandboxProcesses(root);
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return pids.filter((_, index) => /sandbox-agent\0server\0/.test(commands[index] ?? ''));
}

/** Runs provider-call.ts; resolves with what it has printed when it ends, or is killed when `until` is printed. */
export function callInProcess(
  args: readonly string[],
  kill?: { after: string; delayMs: number },
): Promise<string> {
  const script = fileURLToPath(new URL('./provider-call.ts', import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (chunk) => {
    const before = printed;
    printed += chunk;
    if (kill && printed.includes(kill.after) && !before.includes(kill.after)) {
      setTimeout(() => child.kill('SIGKILL'), kill.delayMs);
    }
  });
  return new Promise((resolve) => child.once('close', () => resolve(printed)));
}
