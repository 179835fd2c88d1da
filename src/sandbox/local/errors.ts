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

/** What the file system says through Node or git, and what the task says instead. */
const diskErrors: ReadonlyArray<readonly [RegExp, string]> = [
  [/ENOSPC|No space left on device/, 'The data folder has no space left.'],
  [/EDQUOT|Disk quota exceeded/, 'The disk quota of the data folder is used up.'],
  [/EROFS|Read-only file system/, 'The data folder is on a read-only file system.'],
];

/**
 * The error to throw instead of `error`: the signal's reason when the call was aborted, the error itself when it says whether
 * to retry, otherwise one with `code`.
 */
export function withCode(error: unknown, code: LocalErrorCode, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof Error && 'retryable' in error) return error;
  const message = error instanceof Error ? error.message : String(error);
  // Not what a remote repository says about its own disk.
  const isLocal = !message.includes('remote: ');
  const sentence = isLocal && diskErrors.find(([pattern]) => pattern.test(message))?.[1];
  return new LocalSandboxError(code, sentence || message, { cause: error });
}
