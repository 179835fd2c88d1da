import type { TaskFailure, Timestamp } from '../task.ts';

/** The states of a prompt, as the API names them in upper case. */
export const promptStates = [
  'queued',
  'sending',
  'accepted',
  'done',
  'removed',
  'failed',
  'unknown',
] as const;
export type PromptState = (typeof promptStates)[number];

export interface Prompt {
  readonly id: string;
  readonly sessionId: string;
  /** The revision of the task that stored it: the order in which the agent gets them. */
  readonly number: number;
  readonly text: string;
  readonly state: PromptState;
  readonly error: TaskFailure | null;
  readonly createdAt: Timestamp;
}
