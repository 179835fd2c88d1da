import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { AgentServer } from '../../../agents/agent-server.ts';
import { AgentMissingError, assertInstalled } from '../../../agents/agents.ts';
import { NotExecutableError, placeLauncher } from '../../../agents/launchers.ts';
import { findServerBinary } from '../../../agents/server-binary.ts';
import { freePort } from '../../../free-port.ts';
import { LocalSandboxError, sandboxGone } from '../errors.ts';
import { writeOnce } from '../exclusive-file.ts';
import { exists } from '../folders.ts';
import { killProcesses, markersEnvironment, serverMarker } from '../processes.ts';
import type { LocalSandbox } from '../sandbox-paths.ts';
import { agentEnvironment } from './agent-environment.ts';
import { AgentLog, logFilter } from './agent-log.ts';
import {
  type AgentServerPlan,
  type AgentServerRecord,
  execServerScript,
  latestServer,
  pidPath,
  planPath,
  type ServerState,
  serverState,
} from './agent-servers.ts';
import type { ServerInUse } from './open-session.ts';

// A server can die at its start, for example because another program took its port. Then another one is started.
const maxServersPerCall = 4;
/** How long a server whose process is alive may take until it answers. A busy machine takes many seconds. */
const startTimeoutMs = 60_000;
/** How long a server that has answered before may take to answer. */
const answerTimeoutMs = 15_000;
/** How long to wait for one answer before the process is looked at again. */
const pollTimeoutMs = 2_000;

/** Starts the sandbox's agent server unless it runs. Throws AGENT_FAILED when it cannot start this agent. */
export async function ensureAgent(
  sandbox: LocalSandbox,
  agent: string,
  signal: AbortSignal,
): Promise<AgentServer> {
  const binary = await findServerBinary();
  if (binary === undefined) {
    throw new LocalSandboxError(
      'AGENT_FAILED',
      `The agent server is not installed: npm has no @sandbox-agent/cli-${process.platform}-${process.arch}.`,
      { retryable: false },
    );
  }
  // Not `recursive`: that would make the sandbox's folder again after it was destroyed.
  for (const folder of [sandbox.agentServers, sandbox.home]) {
    await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw sandboxGone(sandbox.key);
      if (error.code !== 'EEXIST') throw error;
    });
  }
  return await translatingErrors(async () => {
    await placeLauncher(sandbox.home, agent);
    const server = await ensureServer(sandbox, binary, signal);
    await assertInstalled(server, agent, signal);
    return server;
  });
}

/** An agent that is missing or cannot be executed is an AGENT_FAILED that is not retried. */
async function translatingErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message =
      error instanceof NotExecutableError
        ? 'The file system of the data folder allows no programs to be executed (it is mounted with noexec, for example). ' +
          'Set GROUNDCREW_DATA_DIR to a folder on another file system.'
        : error instanceof AgentMissingError
          ? error.message
          : undefined;
    if (message === undefined) throw error;
    throw new LocalSandboxError('AGENT_FAILED', message, { retryable: false, cause: error });
  }
}

/**
 * The sandbox's agent server, for a session with `agent`; null: with any. Throws AGENT_GONE when it is dead or not the one at
 * `baseUrl`.
 */
export async function findServer(
  sandbox: LocalSandbox,
  baseUrl: string,
  agent: string | null,
  signal: AbortSignal,
): Promise<ServerInUse> {
  if (!(await exists(sandbox.description))) throw sandboxGone(sandbox.key);
  const latest = await latestServer(sandbox.agentServers);
  const server = latest && serverAt(latest);
  if (
    !server ||
    server.baseUrl !== baseUrl.replace(/\/+$/, '') ||
    !(await isRunning(sandbox, latest, server, signal))
  ) {
    throw new LocalSandboxError('AGENT_GONE', 'The agent server has ended.');
  }
  if (agent === null) return { server, number: latest.number };
  // The server may have been started for another agent.
  return await translatingErrors(async () => {
    await placeLauncher(sandbox.home, agent);
    await assertInstalled(server, agent, signal);
    return { server, number: latest.number };
  });
}

async function isRunning(
  sandbox: LocalSandbox,
  record: AgentServerRecord,
  server: AgentServer,
  signal: AbortSignal,
): Promise<boolean> {
  const state = await usableState(sandbox, record);
  return typeof state === 'object' && (await server.isHealthy(signal, answerTimeoutMs));
}

async function ensureServer(
  sandbox: LocalSandbox,
  binary: string,
  signal: AbortSignal,
): Promise<AgentServer> {
  const folder = sandbox.agentServers;
  for (let started = 0; started < maxServersPerCall; ) {
    const latest = await latestServer(folder);
    if (latest && (await usableState(sandbox, latest)) !== 'dead') {
      const server = serverAt(latest);
      if (await becomesHealthy(sandbox, binary, latest, server, signal)) return server;
    }
    if (!(await exists(sandbox.description))) throw sandboxGone(sandbox.key);
    // The agents of a server that was killed go on. They must not work at the same time as those of the next server.
    if (latest) await killServer(sandbox, latest, signal);
    // One of several callers writes the plan of the next server; all of them continue with that plan.
    const next = (latest?.number ?? 0) + 1;
    await writeOnce(planPath(folder, next), await newPlan(sandbox));
    started += 1;
  }
  throw await startFailed('does not start', sandbox);
}

/** The state of the server's process; `dead` also when it was started before the sandbox was moved. */
async function usableState(sandbox: LocalSandbox, { number, root }: AgentServerRecord): Promise<ServerState> {
  if (root !== sandbox.root) return 'dead';
  return await serverState(sandbox.agentServers, sandbox.marker, number);
}

/** Ends the server and its agents. */
async function killServer(sandbox: LocalSandbox, { number }: AgentServerRecord, signal: AbortSignal) {
  const { agentServers, marker } = sandbox;
  const state = await serverState(agentServers, marker, number);
  await killProcesses([marker, serverMarker(number)], typeof state === 'object' ? [state] : [], signal);
}

async function startFailed(how: string, sandbox: LocalSandbox): Promise<LocalSandboxError> {
  const reason = await new AgentLog(sandbox.agentLog).recentErrors();
  return new LocalSandboxError('AGENT_FAILED', `The agent server ${how}${reason}.`);
}

/** The shell has ended before it became the server. `ended`: its exit code, or the signal. */
async function shellFailed(ended: number | string, sandbox: LocalSandbox): Promise<LocalSandboxError> {
  const reason = await new AgentLog(sandbox.agentLog).shellErrors();
  const message = `The agent server cannot be started: its shell ended with ${ended}${reason}.`;
  return new LocalSandboxError('AGENT_FAILED', message);
}

/** Starts the server unless a process has, and waits until it answers. False when its process has died. */
async function becomesHealthy(
  sandbox: LocalSandbox,
  binary: string,
  record: AgentServerRecord,
  server: AgentServer,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + startTimeoutMs;
  let shell: ChildProcess | undefined;
  for (;;) {
    signal.throwIfAborted();
    // Asked before the state: a shell that ended after this line may have claimed the server since the state was read.
    const ended = shell && (shell.exitCode ?? shell.signalCode);
    const state = await usableState(sandbox, record);
    if (state === 'dead') return false;
    if (!(await exists(sandbox.description))) throw sandboxGone(sandbox.key);
    if (state === 'unclaimed') {
      shell ??= await spawnServer(sandbox, binary, record);
      if (ended != null) throw await shellFailed(ended, sandbox);
    }
    if (state !== 'unclaimed' && (await server.isHealthy(signal, pollTimeoutMs))) return true;
    if (performance.now() > deadline) {
      // It hangs: the next attempt must start another one.
      await killServer(sandbox, record, signal);
      throw await startFailed('does not answer', sandbox);
    }
    await delay(20, undefined, { signal });
  }
}

/** Starts the shell that becomes the server. It exits with an error when it cannot write the pid file. */
async function spawnServer(
  sandbox: LocalSandbox,
  binary: string,
  { number, port, token }: AgentServerRecord,
): Promise<ChildProcess> {
  const log = await open(sandbox.agentLog, 'a', 0o600);
  try {
    // In a session of its own, so that it outlives the worker and gets no signals that are sent to the worker's group.
    const child = spawn(
      '/bin/sh',
      [
        ...['-c', execServerScript, 'agent-server', pidPath(sandbox.agentServers, number), binary, 'server'],
        ...['--host', '127.0.0.1', '--port', String(port), '--token', token, '--no-telemetry'],
      ],
      {
        cwd: sandbox.checkout,
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        env: {
          ...agentEnvironment(sandbox),
          ...markersEnvironment(serverMarker(number)),
          SANDBOX_AGENT_LOG_STDOUT: '1',
          RUST_LOG: logFilter,
          // A turn may last for days, and its response is the answer to one request. A day in milliseconds, thirty times.
          SANDBOX_AGENT_ACP_REQUEST_TIMEOUT_MS: String(30 * 86_400_000),
          // An agent that is not installed is an error. The server must not download it.
          SANDBOX_AGENT_REQUIRE_PREINSTALL: '1',
        },
      },
    );
    child.unref();
    await once(child, 'spawn');
    return child;
  } finally {
    await log.close();
  }
}

function serverAt({ port, token }: AgentServerPlan): AgentServer {
  return new AgentServer({ baseUrl: `http://127.0.0.1:${port}`, token });
}

async function newPlan({ root }: LocalSandbox): Promise<AgentServerPlan> {
  return { port: await freePort(), token: randomBytes(24).toString('base64url'), root };
}
