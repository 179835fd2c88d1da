import type { TaskErrorCode } from '../../tasks/domain/error-codes.ts';

type LocalErrorCode = Extract<
  TaskErrorCode,
  'SANDBOX_FAILED' | 'SANDBOX_GONE' | 'AGENT_FAILED' | 'AGENT_GONE' | 'SESSION_FAILED'
>;

/** A failure in a local sandbox. `code` and `message` become the task's error. */
export class LocalSandboxError extends Error {
  override readonly name = 'LocalSandboxError';
  readonly code: LocalErrorCode;
  readonly retryable: boolean;

  constructor(code: LocalErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? true;
  }
}

export function sandboxGone(key: string): LocalSandboxError {
  return new LocalSandboxError('SANDBOX_GONE', `The sandbox ${key} is gone.`);
}

/**
 * The error to throw instead of `error`: the signal's reason when the call was aborted, the error itself when it has a code
 * of its own, otherwise one with `code`.
 */
export function withCode(error: unknown, code: LocalErrorCode, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof Error && 'retryable' in error) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LocalSandboxError(code, message, { cause: error });
}
