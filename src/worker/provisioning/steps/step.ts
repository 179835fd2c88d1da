import { z } from 'zod';
import type { Remote } from '../../../git/remote.ts';
import type { SandboxProvider, SandboxRef, StepContext } from '../../../sandbox/provider.ts';
import type { NewMachineEvent } from '../../../tasks/domain/machine-event.ts';
import type { Task } from '../../../tasks/domain/task.ts';
import type { Connection } from '../../../tasks/domain/transcript/connection.ts';
import type { WorkerData } from '../../../tasks/store/task-write.ts';
import type { SpanDescription } from '../../../tracing/tracing.ts';
import { StepError } from '../../failure.ts';

/** What a step works on. */
export interface StepWork {
  readonly task: Task;
  readonly provider: SandboxProvider;
  /** What the task's repository has, at an instant after the task was created and after its last attempt. */
  listRepository(signal: AbortSignal): Promise<Remote>;
  /** As `ensureAgent` left it. */
  readonly endpoint: unknown;
  readonly sandboxMetadata: Record<string, unknown> | null;
  readPrompt(sessionId: string): Promise<string>;
  /** Has the agent of a session followed, and waits until it has got the session's first prompt. */
  follow(sessionId: string, connection: Connection, signal: AbortSignal): Promise<void>;
}

/** What a step has brought about, for the caller to commit. */
export type StepResult =
  | { readonly event: NewMachineEvent; readonly workerData?: WorkerData }
  /** The name is chosen where it is committed (`settledName`), because it must be unique among the project's tasks. */
  | { readonly remoteBranches: ReadonlySet<string> };

/** Works outside of the database, with no transaction open. Throws when it fails; `toTaskFailure` reads what it throws. */
export type Step = (work: StepWork, context: StepContext) => Promise<StepResult>;

/** The span of a call of the provider. */
export function callOf(method: keyof SandboxProvider): SpanDescription {
  return { name: `provider ${method}`, kind: 'client' };
}

/** Throws StepError SANDBOX_GONE when the task has none. */
export function sandboxOf(work: StepWork): SandboxRef {
  const { sandbox } = work.task.state;
  if (!sandbox) throw new StepError('SANDBOX_GONE', 'The task has no sandbox.');
  return {
    id: sandbox.id,
    cwd: sandbox.cwd,
    ...(work.sandboxMetadata ? { metadata: work.sandboxMetadata } : {}),
  };
}

/** A provider may answer with anything; PostgreSQL stores only this. */
export function storableText(max: number) {
  return z
    .string()
    .min(1)
    .max(max)
    .refine((text) => text.isWellFormed() && !text.includes('\0'));
}
