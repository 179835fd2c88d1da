import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Logger } from '../../log.ts';
import { EmbeddedPostgresError } from './error.ts';
import { type Account, spawnOptions, Tail } from './tool.ts';

/** Crash recovery reads the log written since the last checkpoint: seconds, on a slow disk more. */
const startTimeoutMs = 120_000;
const fastStopMs = 10_000;
const immediateStopMs = 5_000;
const lastLinesMs = 500;

export interface ServerOptions {
  readonly program: string;
  readonly data: string;
  readonly account: Account | undefined;
  readonly settings: Readonly<Record<string, string>>;
  /** The pid in `postmaster.pid`, which the caller knows is not of a PostgreSQL. */
  readonly stalePid: number | undefined;
}

export interface Server {
  readonly pid: number;
  /** Never rejects. Undefined after `stop`; the reason when the server ended by itself. */
  readonly exited: Promise<EmbeddedPostgresError | undefined>;
  /** Fast shutdown, forced after 15 s. Resolves when the process is gone. May be called again. */
  stop(): Promise<void>;
}

/** Starts the server; resolves once it accepts connections. Throws with its last lines when it ends before. */
export async function launch(options: ServerOptions, logger: Logger): Promise<Server> {
  const settings = Object.entries(options.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const spawned = spawnOptions(options.account);
  // With this, PostgreSQL ignores that pid in postmaster.pid, and still looks for backends that outlived their server.
  if (options.stalePid) spawned.env = { ...spawned.env, PG_GRANDPARENT_PID: String(options.stalePid) };
  const child = spawn(options.program, ['-D', options.data, ...settings], {
    ...spawned,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const tail = new Tail();
  const gone = ended(child);
  let stopping: Promise<void> | undefined;

  const ready = new Promise<void>((resolve) => {
    if (!child.stderr) return;
    createInterface({ input: child.stderr }).on('line', (line) => {
      tail.add(line);
      // Clients report their own errors; what ends the server is in the error below.
      logger.debug({ postgres: line });
      if (line.includes('database system is ready to accept connections')) resolve();
    });
  });
  const exited = gone.then((how) => {
    if (stopping) return undefined;
    return new EmbeddedPostgresError(`PostgreSQL ended with ${how}: ${tail}`);
  });
  const watchdog = child.pid ? startParentDeathWatchdog(child.pid, options.account) : undefined;
  const stop = () => {
    stopping ??= end(child, gone, watchdog);
    return stopping;
  };
  void gone.then(() => watchdog?.kill('SIGKILL'));

  const timeout = AbortSignal.timeout(startTimeoutMs);
  const late = once(timeout, 'abort').then(
    () => new EmbeddedPostgresError(`PostgreSQL is not ready: ${tail}`),
  );
  const failure = await Promise.race([ready.then(() => undefined), exited, late]);
  if (failure || child.pid === undefined) {
    await stop();
    throw failure ?? new EmbeddedPostgresError(`${options.program} could not be started`);
  }
  return { pid: child.pid, exited, stop };
}

function ended(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve(error.message);
    });
    child.once('exit', (code, signal) => {
      const settle = () => {
        clearTimeout(timer);
        resolve(signal ?? `code ${code}`);
      };
      // Its last lines are still on their way; but a busy backend that outlives it keeps the stream open.
      const timer = setTimeout(settle, lastLinesMs);
      child.once('close', settle);
    });
  });
}

async function end(
  child: ChildProcess,
  gone: Promise<string>,
  watchdog: ChildProcess | undefined,
): Promise<void> {
  child.kill('SIGINT');
  const immediate = setTimeout(() => child.kill('SIGQUIT'), fastStopMs);
  const forced = setTimeout(() => child.kill('SIGKILL'), fastStopMs + immediateStopMs);
  await gone;
  clearTimeout(immediate);
  clearTimeout(forced);
  if (!watchdog || watchdog.exitCode !== null || watchdog.signalCode !== null) return;
  const watchdogGone = once(watchdog, 'exit');
  watchdog.ref();
  watchdog.kill('SIGKILL');
  await watchdogGone;
}

/**
 * Stops the server when this process dies, however it dies: the shell's input ends then, and only then. The pid cannot
 * belong to another process by then: the server is our child for as long as the shell runs.
 */
function startParentDeathWatchdog(pid: number, account: Account | undefined): ChildProcess {
  const shell = spawn('/bin/sh', ['-c', 'read -r _; kill -INT "$1"', 'sh', String(pid)], {
    ...spawnOptions(account),
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without the shell, the next start ends the orphan.
  shell.on('error', () => {});
  shell.unref();
  (shell.stdin as { unref?: () => void } | null)?.unref?.();
  return shell;
}
