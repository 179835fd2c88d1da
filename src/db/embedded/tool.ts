import { type SpawnOptions, spawn } from 'node:child_process';
import { EmbeddedPostgresError } from './error.ts';

const keptLines = 10;

/** A user of this machine that is not root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Few variables: other processes of the server's account can read its environment, so our secrets must not be in it. */
function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { LC_ALL: 'C', TZ: 'UTC' };
  // The tests find processes that were left running by this mark.
  for (const name of ['PATH', 'GROUNDCREW_TEST_RUN']) {
    if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  return env;
}

/**
 * How each process of the embedded database is spawned. In `/`, because the account may be unable to enter our folder. In
 * a group of its own, because Ctrl-C goes to the whole group of the terminal, and the database must stop last.
 */
export function spawnOptions(account: Account | undefined): SpawnOptions {
  const user = account && { uid: account.uid, gid: account.gid };
  return { cwd: '/', env: environment(), detached: true, ...user };
}

/** The last lines that a process wrote, for the error when it fails. */
export class Tail {
  readonly #lines: string[] = [];

  add(line: string): void {
    if (line.trim() === '') return;
    this.#lines.push(line.trim());
    if (this.#lines.length > keptLines) this.#lines.shift();
  }

  toString(): string {
    return this.#lines.join(' | ') || 'no output';
  }
}

/** Runs a program to its end and returns what it wrote. Throws with its last lines when it fails. */
export function runTool(
  file: string,
  args: readonly string[],
  options: { account: Account | undefined; input?: string },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...spawnOptions(options.account), stdio: 'pipe' });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const fail = (reason: string, cause?: Error) => {
      const tail = new Tail();
      for (const line of output.split('\n')) tail.add(line);
      reject(new EmbeddedPostgresError(`${file} ${reason}: ${tail}`, { cause }));
    };
    child.once('error', (error) => fail(`could not be run (${error.message})`, error));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else fail(`ended with ${signal ?? `code ${code}`}`);
    });
    // A program may end without reading its input; only its exit code counts.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** Whether the account can run this. */
export function canRun(
  account: Account | undefined,
  file: string,
  args: readonly string[] = [],
): Promise<boolean> {
  return runTool(file, args, { account }).then(
    () => true,
    () => false,
  );
}
