import { spawn } from 'node:child_process';
import { GitError } from './git-error.ts';

export interface GitOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly input?: string;
  /** Milliseconds; then git and its children are killed and the failure is `timeout`. */
  readonly timeoutMs?: number;
  /** Lets git read repositories of this machine. Off: `file` is no protocol to git. */
  readonly allowFile?: boolean;
  /** A file that takes the place of the user's own configuration; see local-repository.ts. */
  readonly globalConfig?: string;
  /** Added to git's environment, after everything inherited that begins with GIT_ was dropped. */
  readonly env?: Readonly<Record<string, string>>;
}

const maxStdout = 64 * 1024 * 1024;
const maxStderr = 64 * 1024;

// Hooks never run, whatever templates or the user's configuration say; nothing is collected or recursed into behind
// our back; a transfer that has stalled ends.
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
 * Whoever calls puts `--` or `--end-of-options` before anything that a user has given.
 * Throws GitError when git fails, and the signal's reason when it aborts: git is dead by then, with its children.
 */
export function runGit(args: readonly string[], options: GitOptions = {}): Promise<string> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    // A process group of its own, so that git's helpers (ssh, remote-https, index-pack) can be killed with it.
    const child = spawn('git', [...settings, ...args], {
      cwd: options.cwd,
      env: gitEnvironment(options),
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
        // It ended by itself just now.
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
      // The end is what tells: progress and the remote's greetings come first.
      stderr = (stderr + chunk.toString()).slice(-maxStderr);
    });
    child.stdin.on('error', () => {}); // git may end before it has read all
    child.stdin.end(options.input ?? '');

    const settle = (finish: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      finish();
    };
    const command = commandOf(args);
    child.on('error', (error) => settle(() => reject(new GitError(command, error.message, null, 'other'))));
    child.on('close', (code) =>
      settle(() => {
        if (stopped === 'aborted') reject(signal?.reason);
        else if (stopped === 'timeout')
          reject(new GitError(command, `no answer within ${options.timeoutMs} ms`, null, 'timeout'));
        else if (stopped) reject(new GitError(command, stopped, null, 'other'));
        else if (code !== 0) reject(new GitError(command, stderr, code));
        else resolve(Buffer.concat(stdout).toString());
      }),
    );
  });
}

/** `fetch`, `ls-remote`, …: arguments may hold credentials, so nothing else of them is shown. */
function commandOf(args: readonly string[]): string {
  const takesValue = (arg: string | undefined) => arg === '-C' || arg === '--git-dir';
  return args.find((arg, index) => !arg.startsWith('-') && !takesValue(args[index - 1])) ?? 'command';
}

function gitEnvironment(options: GitOptions): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  return {
    ...Object.fromEntries(inherited),
    LC_ALL: 'C',
    // Nobody is there to answer: a question is a failure.
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: 'true',
    SSH_ASKPASS: 'true',
    GCM_INTERACTIVE: 'never',
    GIT_SSH_COMMAND: 'ssh -oBatchMode=yes -oConnectTimeout=15',
    GIT_ALLOW_PROTOCOL: options.allowFile ? 'http:https:ssh:file' : 'http:https:ssh',
    ...(options.globalConfig ? { GIT_CONFIG_GLOBAL: options.globalConfig } : {}),
    ...options.env,
  };
}
