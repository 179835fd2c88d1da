import type { StepName } from './status.ts';
import type { Sandbox, TaskFailure, Timestamp } from './task.ts';

/** What can happen to a task. Each accepted event is one revision. */
export type MachineEvent =
  | { type: 'stepStarted'; at: Timestamp; step: StepName; timeoutMs: number }
  /**
   * `retryMs` is the pause before the next attempt, and null when the step is given up. `backTo` names an earlier step whose
   * result is gone; provisioning continues with that step.
   */
  | {
      type: 'stepFailed';
      at: Timestamp;
      step: StepName;
      error: TaskFailure;
      retryMs: number | null;
      backTo?: StepName;
    }
  /**
   * The worker stops in the middle of the step, or has not come back after an outage of the database: not a failure, and no
   * attempt is used up.
   */
  | { type: 'stepInterrupted'; at: Timestamp; step: StepName }
  | { type: 'nameSettled'; at: Timestamp; title: string; branchName: string }
  | { type: 'sandboxCreated'; at: Timestamp; sandbox: Sandbox }
  | { type: 'agentStarted'; at: Timestamp }
  /** `isFollowed`: the session has a transcript, and takes prompts. */
  | { type: 'sessionOpened'; at: Timestamp; sessionId: string; isFollowed?: boolean }
  | { type: 'provisioned'; at: Timestamp }
  | { type: 'sessionAdded'; at: Timestamp; sessionId: string; agent: string }
  | { type: 'sessionStarted'; at: Timestamp; sessionId: string; timeoutMs: number }
  | {
      type: 'sessionFailed';
      at: Timestamp;
      sessionId: string;
      error: TaskFailure;
      retryMs: number | null;
    }
  | { type: 'sessionInterrupted'; at: Timestamp; sessionId: string }
  /** Something happened in the conversation of a session. What is left out is unchanged. */
  | {
      type: 'conversationChanged';
      at: Timestamp;
      sessionId: string;
      kind: ConversationEventKind;
      isWorking?: boolean;
      /** By how many the open requests become more or fewer; null: none is left. */
      requests?: number | null;
      error?: TaskFailure;
    }
  /** The agent of a session is gone, and cannot be started again. */
  | { type: 'sessionLost'; at: Timestamp; sessionId: string; error: TaskFailure }
  | { type: 'taskRetried'; at: Timestamp }
  | { type: 'taskCanceled'; at: Timestamp }
  | { type: 'taskArchived'; at: Timestamp }
  /** The folder that holds the sandbox was moved. */
  | { type: 'sandboxMoved'; at: Timestamp; cwd: string }
  | { type: 'sandboxReleased'; at: Timestamp };

export type MachineEventType = MachineEvent['type'];
/** What happens, without the time: that is known when it is written. */
export type NewMachineEvent = WithoutTime<MachineEvent>;
type WithoutTime<E> = E extends MachineEvent ? Omit<E, 'at'> : never;

/** What can happen in a conversation that changes its task. */
export const conversationEventKinds = [
  'prompt.queued',
  'prompt.removed',
  'prompt.sending',
  'prompt.accepted',
  'prompt.unknown',
  'turn.ended',
  'turn.interrupted',
  'request.opened',
  'request.answered',
  'agent.restarted',
] as const;
export type ConversationEventKind = (typeof conversationEventKinds)[number];

export const taskEventKinds = [
  'task.created',
  'task.named',
  'task.status_changed',
  'task.retried',
  'task.canceled',
  'task.archived',
  'step.started',
  'step.failed',
  'step.interrupted',
  'sandbox.created',
  'sandbox.moved',
  'sandbox.released',
  'agent.started',
  'session.created',
  'session.started',
  'session.ready',
  'session.failed',
  'session.interrupted',
  'session.lost',
  ...conversationEventKinds,
] as const;
export type TaskEventKind = (typeof taskEventKinds)[number];
