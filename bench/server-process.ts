import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const root = resolve(import.meta.dirname, '..');
const heapHook = join(import.meta.dirname, 'heap-hook.ts');
const startMs = 30_000;

/** A server under test, in a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  /** After a collection. */
  memory(): Promise<NodeJS.MemoryUsage>;
}

/** Starts a Node program that prints `ready on URL` on a line, when it is, or `ready` if it has no address. */
export async function startServer(
  program: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const child = spawn(process.execPath, ['--expose-gc', '--import', heapHook, ...program], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const end = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(timer);
  };
  try {
    const url = await readyLine(child);
    return {
      url,
      async memory() {
        const answer = once(child, 'message');
        child.send('memory');
        return (await answer)[0] as NodeJS.MemoryUsage;
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function readyLine(child: ChildProcess): Promise<string> {
  return new Promise((settle, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready in ${startMs} ms`)), startMs);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the server ended with code ${code} before it was ready`));
    });
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const ready = /ready(?: on (\S+))?$/.exec(line);
      if (!ready) return;
      clearTimeout(timer);
      settle(ready[1] ?? '');
    });
  });
}
