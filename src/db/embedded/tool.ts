import { type SpawnOptions, spawn } from 'node:child_process';
import { EmbeddedPostgresError } from './error.ts';

const keptLines = 10;

/** A user of this machine that is not root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Few variables: whoever shares the server's account can read its environment, where our secrets must not be. */
function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { LC_ALL: 'C', TZ: 'UTC' };
  // The mark by which the tests find processes that were left running.
  for (const name of ['PATH', 'GROUNDCREW_TEST_RUN']) {
    if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  return env;
}

/**
 * How each process of the embedded database is spawned. In `/`, since the account may not enter our folder; in a group of
 * its own, since Ctrl-C goes to the terminal's whole group, and the database must stop last.
 */
export function spawnOptions(account: Account | undefined): SpawnOptions {
  const user = account && { uid: account.uid, gid: account.gid };
  return { cwd: '/', env: environment(), detached: true, ...user };
}

/** The last lines that a process wrote, for the error that ends it. */
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
    // A program that ends without reading its input is judged by its exit code.
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
