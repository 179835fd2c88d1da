import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { SandboxProvider, SandboxRef, StepContext } from '../../sandbox/provider.ts';
import type { MachineEvent } from '../../tasks/machine.ts';
import { type Changed, changeTask, type Lease, type Provisions } from '../../tasks/store.ts';
import type { Task } from '../../tasks/task.ts';
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
  readonly provisions?: Provisions;
  settle(em: EntityManager): Promise<Changed | null>;
}

/** Calls the outside, with no transaction open. Throws when it fails; what it throws is told as it is (`failureOf`). */
export type Step = (work: StepWork, context: StepContext) => Promise<StepResult>;

/** A result that is one event. */
export function resultOf(work: StepWork, event: MachineEvent, provisions: Provisions = {}): StepResult {
  return {
    provisions,
    settle: (em) => changeTask(em, work.task.id, { event, lease: work.lease, provisions }, work.task),
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
