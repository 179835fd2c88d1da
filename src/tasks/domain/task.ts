import type { SessionStatus, StepName, StepState, TaskStatus } from './status.ts';

/** An instant as the API says it: ISO 8601, UTC, milliseconds. */
export type Timestamp = string;

/** Why a step, a session or a task failed, in words that may be shown to every user: no secret, no stack, no SQL. */
export interface TaskFailure {
  readonly code: string;
  readonly message: string;
  readonly step: StepName | null;
  readonly retryable: boolean;
}

/** How often something was attempted that may fail: a step, or a session that was added later. */
export interface AttemptState {
  /** The number of the last attempt: 0 before the first one; `retryTask` does not reset it. */
  readonly attempt: number;
  /** Attempts that failed since the last success or `retryTask`; the limit of attempts is compared with it. */
  readonly failures: number;
  readonly startedAt: Timestamp | null;
  /** When the running attempt times out; null while none runs. */
  readonly deadlineAt: Timestamp | null;
  readonly nextAttemptAt: Timestamp | null;
  readonly error: TaskFailure | null;
}

export interface Step extends AttemptState {
  readonly name: StepName;
  readonly state: StepState;
  readonly finishedAt: Timestamp | null;
}

export interface Session extends AttemptState {
  readonly id: string;
  readonly agent: string;
  readonly status: SessionStatus;
  readonly createdAt: Timestamp;
  readonly readyAt: Timestamp | null;
  /** Whether its agent is followed, so that it has a transcript. Left out: unknown yet, or never. */
  readonly isFollowed?: boolean;
  /** Whether the agent works on a prompt. Left out: it does not. */
  readonly isWorking?: boolean;
  /** How many requests of the agent wait for an answer. Left out: none. */
  readonly openRequests?: number;
}

/** A sandbox as the API shows it. */
export interface Sandbox {
  readonly id: string;
  readonly provider: string;
  readonly cwd: string;
}

export type Steps = readonly [Step, Step, Step, Step];

/** The part of a task that changes. Each event holds all of it, so that a revision can be shown as it was. */
export interface TaskState {
  readonly status: TaskStatus;
  readonly error: TaskFailure | null;
  readonly title: string | null;
  readonly branchName: string | null;
  readonly steps: Steps;
  readonly sandbox: Sandbox | null;
  /** Oldest first; the first one was stored together with the task. */
  readonly sessions: readonly [Session, ...Session[]];
  readonly readyAt: Timestamp | null;
  /** The header `traceparent` of the call that created the task, where the server traces. */
  readonly traceparent?: string;
}

export interface Project {
  readonly id: string;
  readonly workspaceId: string;
  readonly repoUrl: string;
  readonly name: string;
  readonly createdAt: Timestamp;
}

/** A task at one of its revisions. */
export interface Task {
  readonly id: string;
  readonly workspaceId: string;
  readonly project: Project;
  /** As the client spelled it: what git is asked for. */
  readonly repoUrl: string;
  readonly prompt: string;
  readonly provider: string;
  readonly agent: string;
  readonly baseRef: string | null;
  readonly createdAt: Timestamp;
  readonly revision: number;
  readonly updatedAt: Timestamp;
  readonly state: TaskState;
}

/** One revision in a task's history. */
export interface TaskEvent {
  readonly id: string;
  readonly revision: number;
  readonly kind: string;
  readonly status: TaskStatus;
  readonly step: StepName | null;
  readonly error: TaskFailure | null;
  readonly at: Timestamp;
  /** Who did it: a token by its name, `owner` or `system`. */
  readonly actor: string;
  readonly task: Task;
}
