import { fork } from 'node:child_process';
import { join } from 'node:path';

// Ten thousand sockets of a peer took 66 s to open on a busy machine.
const usualMaxMs = 180_000;
const interruption = new AbortController();

/** Ends the load that runs and lets no other start: a caller that waits for one fails, and stops what it has started. */
export function interrupt(): void {
  interruption.abort(new Error('interrupted'));
}

export function isInterrupted(): boolean {
  return interruption.signal.aborted;
}

/**
 * Runs a load generator in a process of its own, which must not disturb the server's, and returns its result. `onMoment`
 * is awaited at each moment that it says has come.
 */
export async function runLoad<Result>(
  name: 'watch' | 'fan-out' | 'idle' | 'create-http' | 'create-direct' | 'talk' | 'soak',
  spec: object,
  onMoment: (moment: string) => Promise<void> = async () => {},
  maxMs = usualMaxMs,
): Promise<Result> {
  const { signal } = interruption;
  signal.throwIfAborted();
  const child = fork(join(import.meta.dirname, 'loads', `${name}.ts`), [JSON.stringify(spec)]);
  const end = () => child.kill('SIGKILL');
  const timer = setTimeout(end, maxMs);
  signal.addEventListener('abort', end, { once: true });
  try {
    return await new Promise<Result>((resolve, reject) => {
      child.on('message', (message: { moment?: string; result?: Result }) => {
        if (message.moment === undefined) return resolve(message.result as Result);
        onMoment(message.moment).then(() => child.send('go on'), reject);
      });
      child.once('exit', (code, by) => reject(new Error(`load ${name} ended with ${by ?? code}`)));
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    end();
  }
}
