import type { StepContext } from '../sandbox/provider.ts';
import { StepError } from './failure.ts';

export interface Attempt {
  readonly number: number;
  readonly timeoutMs: number;
  /** Aborts when the worker loses the task, or stops. */
  readonly signal: AbortSignal;
  log(line: string): void;
  /** Called when abandoned work settles after all; its side effect may exist. */
  onLateCompletion?(): void;
}

/**
 * Makes one attempt at something outside of the database. Ends at the timeout or when the signal aborts, even if `run` goes
 * on: work that ignores its signal must not hold anything up. Rejects with StepError STEP_TIMEOUT, the signal's reason, or
 * what `run` throws.
 */
export async function runAttempt<T>(attempt: Attempt, run: (context: StepContext) => Promise<T>): Promise<T> {
  const timeout = new AbortController();
  const timer = setTimeout(
    () => timeout.abort(new StepError('STEP_TIMEOUT', `There was no answer within ${attempt.timeoutMs} ms.`)),
    attempt.timeoutMs,
  );
  const signal = AbortSignal.any([attempt.signal, timeout.signal]);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });

  // Called within a promise, so that what a provider throws synchronously is a rejection too.
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
