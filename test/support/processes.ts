import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const root = resolve(import.meta.dirname, '../..');
const lastLinesMs = 1_000;
const running = new Set<StartedProcess>();

/** Kills all processes that were started here and not disposed yet. `clean-up.ts` calls it after each test file. */
export async function endProcesses(): Promise<void> {
  await Promise.all([...running].map((started) => started[Symbol.asyncDispose]()));
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartedProcess extends AsyncDisposable {
  readonly pid: number;
  /** The complete lines that it has printed so far. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Resolves when the process has ended and its last lines were read. */
  readonly exit: Promise<Exit>;
  /**
   * Resolves with the first line, printed already or later, that matches. Rejects after `timeoutMs`, and at once when the
   * process ends without such a line.
   */
  waitForLine(pattern: RegExp, timeoutMs?: number, stream?: 'stdout' | 'stderr'): Promise<RegExpExecArray>;
  kill(signal?: NodeJS.Signals): void;
  /** Signals the process and those of its children that stayed in its group, as Ctrl-C in a terminal does. */
  killGroup(signal: NodeJS.Signals): void;
}

export interface StartOptions {
  /** Variables added to the environment of the tests. Undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Only root may choose them. */
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Starts a real process in a group of its own; `node` is the project's. Disposing kills the whole group. Throws when the
 * process cannot be started.
 */
export function startProcess(
  command: readonly [string, ...string[]],
  options: StartOptions = {},
): StartedProcess {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd: options.cwd ?? root,
    uid: options.uid,
    gid: options.gid,
    env: {
      ...process.env,
      PATH: `${resolve(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
      ...options.env,
    },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${command.join(' ')}`);

  const outputs = { stdout: new Output(child.stdout), stderr: new Output(child.stderr) };
  let over = false;
  const exit = new Promise<Exit>((settle) => {
    child.once('exit', (code, signal) => {
      const finish = () => {
        clearTimeout(timer);
        over = true;
        for (const output of Object.values(outputs)) output.changed();
        settle({ code, signal });
      };
      // Its last lines may not have been read yet. A limit, because a child that outlives it keeps the streams open.
      const timer = setTimeout(finish, lastLinesMs);
      child.once('close', finish);
    });
  });

  const started: StartedProcess = {
    pid,
    stdout: outputs.stdout.lines,
    stderr: outputs.stderr.lines,
    exit,
    async waitForLine(pattern, timeoutMs = 30_000, stream = 'stdout') {
      const output = outputs[stream];
      const found = await output.until(
        (lines) => firstMatch(lines, pattern),
        () => over,
        timeoutMs,
      );
      if (found) return found;
      const why = over ? `ended (${describe(child)})` : `was silent for ${timeoutMs} ms`;
      throw new Error(
        `${command.join(' ')} ${why} without ${pattern} on ${stream}\n` +
          `stdout: ${tail(outputs.stdout)}\nstderr: ${tail(outputs.stderr)}`,
      );
    },
    kill: (signal = 'SIGTERM') => void child.kill(signal),
    killGroup: (signal) => signalGroup(pid, signal),
    async [Symbol.asyncDispose]() {
      running.delete(started);
      // Also when it ended already: its children may still run in its group.
      signalGroup(pid, 'SIGKILL');
      await exit;
    },
  };
  running.add(started);
  return started;
}

/** The lines of one stream, and the calls that wait for more of them. */
class Output {
  readonly lines: string[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(stream: Readable) {
    createInterface({ input: stream }).on('line', (line) => {
      this.lines.push(line);
      this.changed();
    });
  }

  changed(): void {
    for (const check of this.#waiting) check();
  }

  until<T>(
    find: (lines: readonly string[]) => T | undefined,
    over: () => boolean,
    ms: number,
  ): Promise<T | undefined> {
    return new Promise((settle) => {
      const check = (last: boolean) => {
        const found = find(this.lines);
        if (found === undefined && !last) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        settle(found);
      };
      const look = () => check(over());
      const timer = setTimeout(() => check(true), ms);
      this.#waiting.add(look);
      look();
    });
  }
}

/** Whether a process of this pid runs. One that has ended and that its parent has not waited for yet does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

function firstMatch(lines: readonly string[], pattern: RegExp): RegExpExecArray | undefined {
  for (const line of lines) {
    pattern.lastIndex = 0;
    const match = pattern.exec(line);
    if (match) return match;
  }
  return undefined;
}

function describe(child: ChildProcess): string {
  return child.signalCode ?? `code ${child.exitCode}`;
}

function tail(output: Output): string {
  return output.lines.slice(-20).join('\n  ') || '(nothing)';
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is empty.
  }
}
