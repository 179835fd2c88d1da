import type { MachineEvent } from './machine-event.ts';
import { nextWork, type Work } from './next-work.ts';
import type { TaskState, Timestamp } from './task.ts';
import { msBetween } from './timestamp.ts';

/** What one accepted event does besides changing the state. The store only carries it out. */
export interface WritePlan {
  /** Milliseconds until a worker has to look at the task; null: never, unless something is asked of it. */
  readonly wakeInMs: number | null;
  /** The job that makes a worker look, added or moved: in so many milliseconds, or before all jobs that wait. */
  readonly job: { readonly runInMs: number | 'first' } | null;
  /** The worker that made the change gives its lease up with it. */
  readonly releasesLease: boolean;
  /** Whatever worker holds the task loses it: the epoch rises. */
  readonly revokesLease: boolean;
  /** `request`: the sandbox is written down before it is made. `release`: it is to be destroyed. */
  readonly sandbox: 'request' | 'release' | null;
  /** The id of a session that comes into being. */
  readonly addsSession: string | null;
  /** What becomes of prompts that the agents of these sessions have not got. */
  readonly prompts: PromptsPlan | null;
}

export interface PromptsPlan {
  readonly sessionIds: readonly string[];
  /**
   * `fail`: nobody will hand them over. `retry`: those that failed because the session did wait again. `handedOver`: the
   * provider has handed the first one over, and there is no way for others.
   */
  readonly outcome: 'fail' | 'retry' | 'handedOver';
}

/** `to` is the state that the event led to; `byWorker` says whether the worker that holds the task made the change. */
export function planWrite(to: TaskState, event: MachineEvent, byWorker: boolean): WritePlan {
  const work = nextWork(to, event.at);
  const isInterruption = event.type === 'stepInterrupted' || event.type === 'sessionInterrupted';
  const isClosing = event.type === 'taskCanceled' || event.type === 'taskArchived';
  const releasesLease = byWorker && (isInterruption || work.type === 'wait' || work.type === 'nothing');
  return {
    wakeInMs: wakeInMs(work, event.at),
    // What is said in a session leaves nothing to do for those who provision.
    job:
      event.type === 'conversationChanged'
        ? null
        : jobFor(work, event.at, byWorker, releasesLease, isInterruption),
    releasesLease,
    revokesLease: isClosing,
    sandbox: isClosing
      ? 'release'
      : event.type === 'stepStarted' && event.step === 'create_sandbox'
        ? 'request'
        : null,
    prompts: promptsPlan(to, event),
    addsSession: event.type === 'sessionAdded' ? event.sessionId : null,
  };
}

function wakeInMs(work: Work, now: Timestamp): number | null {
  switch (work.type) {
    case 'nothing':
      return null;
    case 'wait':
      return msBetween(now, work.until);
    case 'startStep':
    case 'stepRunning':
    case 'finishProvisioning':
    case 'startSession':
    case 'sessionRunning':
      return 0;
  }
}

/**
 * A worker that keeps its lease continues by itself, and a wait has its job already: a change from outside needs a job
 * only where something can begin now.
 */
function jobFor(
  work: Work,
  now: Timestamp,
  byWorker: boolean,
  releasesLease: boolean,
  runFirst: boolean,
): WritePlan['job'] {
  switch (work.type) {
    case 'startStep':
    case 'startSession':
      return byWorker && !releasesLease ? null : { runInMs: runFirst ? 'first' : 0 };
    case 'wait':
      return byWorker ? { runInMs: msBetween(now, work.until) } : null;
    case 'stepRunning':
    case 'sessionRunning':
    case 'finishProvisioning':
    case 'nothing':
      return null;
  }
}

function promptsPlan(to: TaskState, event: MachineEvent): PromptsPlan | null {
  const failed = to.sessions.filter(({ status }) => status === 'error').map(({ id }) => id);
  switch (event.type) {
    case 'taskCanceled':
    case 'taskArchived':
      return { sessionIds: to.sessions.map(({ id }) => id), outcome: 'fail' };
    case 'stepFailed':
      return event.retryMs === null && failed.length > 0 ? { sessionIds: failed, outcome: 'fail' } : null;
    case 'sessionFailed':
      return event.retryMs === null ? { sessionIds: [event.sessionId], outcome: 'fail' } : null;
    case 'sessionLost':
      return { sessionIds: [event.sessionId], outcome: 'fail' };
    case 'taskRetried':
      return { sessionIds: [to.sessions[0].id], outcome: 'retry' };
    case 'sessionOpened':
      return event.isFollowed === true ? null : { sessionIds: [event.sessionId], outcome: 'handedOver' };
    default:
      return null;
  }
}
