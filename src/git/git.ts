import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { gitEnvironment } from './git-environment.ts';
import { GitError } from './git-error.ts';

export interface GitOptions {
  /** The root folder by default, so that git does not read the configuration of a repository around the server's. */
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly input?: string;
  /** Milliseconds. After that git and its children are killed, and the failure is `timeout`. No limit by default. */
  readonly timeoutMs?: number;
  /** Whether git may read repositories on this machine. False by default: git refuses the protocol `file`. */
  readonly allowFile?: boolean;
  /** Added to git's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How stdin and stdout are read as text; UTF-8 by default. `latin1` keeps each byte as one character. */
  readonly encoding?: 'utf8' | 'latin1';
}

const maxStdout = 64 * 1024 * 1024;
const maxStderr = 64 * 1024;

// No hook runs, whatever a template or the user's configuration says; git neither collects garbage nor enters submodules
// by itself; a transfer that stalls ends.
const settings = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'protocol.ext.allow=never',
  'submodule.recurse=false',
  'fetch.recurseSubmodules=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'advice.detachedHead=false',
  'http.lowSpeedLimit=1',
  'http.lowSpeedTime=30',
].flatMap((setting) => ['-c', setting]);

/**
 * Runs git from PATH without a shell and without a terminal, and returns its stdout.
 *
 * The caller MUST put `--` or `--end-of-options` before each argument that comes from a user.
 * Throws GitError when git fails, and the signal's reason when it aborts: by then git and its children have ended.
 */
export function runGit(args: readonly string[], options: GitOptions = {}): Promise<string> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    // In a process group of its own, so that its children (ssh, remote-https, index-pack) can be killed with it.
    const child = spawn('git', [...settings, ...args], {
      cwd: options.cwd ?? '/',
      env: { ...gitEnvironment(options.allowFile ?? false), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const stdout: Buffer[] = [];
    let stdoutBytes = 0;
    let stderr = '';
    let stopped: 'aborted' | 'timeout' | 'too much output' | undefined;

    const stop = (why: typeof stopped) => {
      stopped ??= why;
      if (child.pid === undefined || child.exitCode !== null) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has just ended by itself.
      }
    };
    const onAbort = () => stop('aborted');
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = options.timeoutMs ? setTimeout(stop, options.timeoutMs, 'timeout') : undefined;

    child.stdout.on('data', (chunk: Buffer) => {
      stdoutBytes += chunk.length;
      if (stdoutBytes > maxStdout) stop('too much output');
      else stdout.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      // The reason is at the end: progress and the remote's greetings come first.
      stderr = (stderr + chunk.toString()).slice(-maxStderr);
    });
    child.stdin.on('error', () => {}); // git may end before it has read all
    child.stdin.end(options.input ?? '', options.encoding ?? 'utf8');

    const settle = (finish: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      finish();
    };
    const command = commandOf(args);
    child.on('error', (error: NodeJS.ErrnoException) => {
      // Node says the same of a folder to start in that does not exist.
      const isMissing = error.code === 'ENOENT' && existsSync(options.cwd ?? '/');
      const reason = isMissing ? 'git was not found in the PATH of the worker: install it' : error.message;
      settle(() => reject(new GitError(command, reason, null, 'other')));
    });
    child.on('close', (code) =>
      settle(() => {
        if (stopped === 'aborted') reject(signal?.reason);
        else if (stopped === 'timeout')
          reject(new GitError(command, `no answer within ${options.timeoutMs} ms`, null, 'timeout'));
        else if (stopped) reject(new GitError(command, stopped, null, 'other'));
        else if (code !== 0) reject(new GitError(command, stderr, code));
        else resolve(Buffer.concat(stdout).toString(options.encoding));
      }),
    );
  });
}

/** `fetch`, `ls-remote`, …: nothing else of the arguments is shown, because they may contain credentials. */
function commandOf(args: readonly string[]): string {
  const takesValue = (arg: string | undefined) => arg === '-C' || arg === '--git-dir';
  return args.find((arg, index) => !arg.startsWith('-') && !takesValue(args[index - 1])) ?? 'command';
}
