import { isDatabaseError } from '../../db/connection-error.ts';
import { redact } from '../../redact.ts';
import type { StepName } from '../../tasks/domain/status.ts';
import type { TaskFailure } from '../../tasks/domain/task.ts';

/** A failure that says for itself what it is called and whether another try may help. */
export class StepError extends Error {
  override readonly name = 'StepError';
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
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
} as const satisfies Record<StepName, string>;

const maxMessageLength = 500;

/** What may be told of an error that a step, or a provider of others, has thrown. */
export function toTaskFailure(error: unknown, step: StepName): TaskFailure {
  if (isDatabaseError(error)) {
    return {
      code: 'INTERNAL',
      message: 'the database failed in the middle of the step',
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

/** What was thrown may be anything, also an object that throws when it is looked at. */
function errorFields(error: unknown): { code?: unknown; message?: unknown; retryable?: unknown } {
  try {
    const { code, message, retryable } = Object(error) as Record<string, unknown>;
    return { code, message, retryable };
  } catch {
    return {};
  }
}

/** `SANDBOX_FAILED`, but not what Node and its libraries call their own errors (`ENOENT`, `ERR_INVALID_ARG_TYPE`). */
function isPublicCode(code: string): boolean {
  return /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(code) && !/^(UND_)?ERR_/.test(code) && code.length <= 64;
}

/** One line, without what looks like a credential. */
function publicMessage(message: string): string {
  const line = message.split('\n', 1)[0]?.trim() || 'failed without a message';
  const clean = redact(line.toWellFormed().replaceAll('\0', ''));
  return clean.length > maxMessageLength ? `${clean.slice(0, maxMessageLength - 1)}…` : clean;
}

const maxDelayMs = 60_000;

/**
 * Milliseconds to wait after so many failures (1: the first): `baseMs`, doubled for each later one, up to a minute, and up
 * to a quarter more, so that tasks that failed together do not come back together.
 */
export function retryDelay(failures: number, baseMs: number, random: () => number = Math.random): number {
  const delay = Math.min(maxDelayMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.min(maxDelayMs, Math.round(delay * (1 + random() / 4)));
}
