import { z } from 'zod';
import type { SandboxProvider, SandboxRef, StepContext } from '../../../sandbox/provider.ts';
import type { Database } from '../../../tables/database.ts';
import type { Task } from '../../../tasks/domain/task.ts';
import type { MachineEvent } from '../../../tasks/domain/task-machine.ts';
import {
  type ChangeResult,
  changeTask,
  type Lease,
  type WorkerData,
} from '../../../tasks/store/change-task.ts';
import { StepError } from '../failure.ts';

/** What a step works on. */
export interface StepWork {
  readonly task: Task;
  readonly lease: Lease;
  readonly provider: SandboxProvider;
  readonly allowLocalRepos: boolean;
  /** As `ensureAgent` left it. */
  readonly endpoint: unknown;
  readonly sandboxMetadata: Record<string, unknown> | null;
  /** The prompt of a session. */
  readPrompt(sessionId: string): Promise<string>;
}

/** Writes down what a step has brought about. May run again when the database went away in the middle. */
export interface StepResult {
  readonly workerData?: WorkerData;
  settle(db: Database): Promise<ChangeResult | null>;
}

/** Calls the outside, with no transaction open. Throws when it fails; what it throws is told as it is (`failureOf`). */
export type Step = (work: StepWork, context: StepContext) => Promise<StepResult>;

/** A result that is one event. */
export function resultOf(work: StepWork, event: MachineEvent, workerData: WorkerData = {}): StepResult {
  return {
    workerData,
    settle: (db) => changeTask(db, work.task.id, { event, lease: work.lease, workerData }, work.task),
  };
}

export function sandboxOf(work: StepWork): SandboxRef {
  const { sandbox } = work.task.state;
  if (!sandbox) throw new StepError('SANDBOX_GONE', 'the task has no sandbox');
  return {
    id: sandbox.id,
    cwd: sandbox.cwd,
    ...(work.sandboxMetadata ? { metadata: work.sandboxMetadata } : {}),
  };
}

/** What a provider answers with may be anything; this much of it can be stored. */
export function storableText(max: number) {
  return z
    .string()
    .min(1)
    .max(max)
    .refine((text) => text.isWellFormed() && !text.includes('\0'));
}

export function now(): string {
  return new Date().toISOString();
}
