import type { StepContext } from '../sandbox/provider.ts';
import { StepError } from './provisioning/failure.ts';

export interface Attempt {
  readonly number: number;
  readonly timeoutMs: number;
  /** Aborts when the worker loses the task, or stops. */
  readonly signal: AbortSignal;
  log(line: string): void;
  /** Work that went on after it was given up has ended: its effect may be there after all. */
  onLateCompletion?(): void;
}

/**
 * Runs one try of something outside. Ends at the deadline or at the signal, whatever the work does: one that takes no
 * notice of its signal holds up nobody.
 */
export async function runAttempt<T>(attempt: Attempt, run: (context: StepContext) => Promise<T>): Promise<T> {
  const timeout = new AbortController();
  const timer = setTimeout(
    () => timeout.abort(new StepError('STEP_TIMEOUT', `no answer within ${attempt.timeoutMs} ms`)),
    attempt.timeoutMs,
  );
  const signal = AbortSignal.any([attempt.signal, timeout.signal]);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });

  // Called in a promise, so that a provider that throws at once is one that rejects.
  const work = Promise.resolve().then(() => {
    signal.throwIfAborted();
    return run({ signal, attempt: attempt.number, log: (line) => attempt.log(String(line)) });
  });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    if (signal.aborted) void work.catch(() => {}).then(() => attempt.onLateCompletion?.());
  }
}
