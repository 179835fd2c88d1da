import type { TaskErrorCode } from '../../tasks/domain/error-codes.ts';

type LocalErrorCode = Extract<
  TaskErrorCode,
  'SANDBOX_FAILED' | 'SANDBOX_GONE' | 'AGENT_FAILED' | 'AGENT_GONE' | 'SESSION_FAILED'
>;

/** What went wrong in a local sandbox, with the code that the task shows. */
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
 * Leaves errors that say themselves what they are, and gives the others `code`. What an aborted call throws is the
 * signal's reason.
 */
export function withCode(error: unknown, code: LocalErrorCode, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof Error && 'retryable' in error) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LocalSandboxError(code, message, { cause: error });
}
