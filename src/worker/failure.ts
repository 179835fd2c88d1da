import { isDatabaseError } from '../db/connection-error.ts';
import { redact } from '../redact.ts';
import type { TaskErrorCode } from '../tasks/domain/error-codes.ts';
import type { StepName } from '../tasks/domain/status.ts';
import type { TaskFailure } from '../tasks/domain/task.ts';

/** A failure that carries its public code, and says whether another attempt may help. */
export class StepError extends Error {
  override readonly name = 'StepError';
  readonly code: TaskErrorCode;
  readonly retryable: boolean;

  constructor(code: TaskErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? true;
  }
}

const codeOfStep = {
  ensure_name: 'NAME_FAILED',
  create_sandbox: 'SANDBOX_FAILED',
  ensure_agent: 'AGENT_FAILED',
  create_session: 'SESSION_FAILED',
} as const satisfies Record<StepName, TaskErrorCode>;

const maxMessageLength = 500;

/** What clients may see of an error that a step or a provider has thrown. */
export function toTaskFailure(error: unknown, step: StepName): TaskFailure {
  if (isDatabaseError(error)) {
    return {
      code: 'INTERNAL' satisfies TaskErrorCode,
      message: 'The database failed in the middle of the step.',
      step,
      retryable: true,
    };
  }
  const { code, message, retryable } = errorFields(error);
  return {
    code: typeof code === 'string' && isPublicCode(code) ? code : codeOfStep[step],
    message: publicMessage(typeof message === 'string' ? message : typeof error === 'string' ? error : ''),
    step,
    retryable: retryable !== false,
  };
}

/** Anything can be thrown, also an object whose properties throw. */
function errorFields(error: unknown): { code?: unknown; message?: unknown; retryable?: unknown } {
  try {
    const { code, message, retryable } = Object(error) as Record<string, unknown>;
    return { code, message, retryable };
  } catch {
    return {};
  }
}

/** `SANDBOX_FAILED`, but not the codes of Node's and its libraries' own errors (`ENOENT`, `ERR_INVALID_ARG_TYPE`). */
function isPublicCode(code: string): boolean {
  return /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(code) && !/^(UND_)?ERR_/.test(code) && code.length <= 64;
}

/** One line, without anything that looks like a credential. */
function publicMessage(message: string): string {
  const line = message.split('\n', 1)[0]?.trim() || 'The step failed without a message.';
  const clean = redact(line.toWellFormed().replaceAll('\0', ''));
  return clean.length > maxMessageLength ? `${clean.slice(0, maxMessageLength - 1)}…` : clean;
}
