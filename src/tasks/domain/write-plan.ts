import { nextWork, type Work } from './next-work.ts';
import type { TaskState, Timestamp } from './task.ts';
import type { MachineEvent } from './task-machine.ts';
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
}

/** `to` is the state that the event led to; `byWorker` says whether the worker that holds the task made the change. */
export function planWrite(to: TaskState, event: MachineEvent, byWorker: boolean): WritePlan {
  const work = nextWork(to, event.at);
  const isInterruption = event.type === 'stepInterrupted' || event.type === 'sessionInterrupted';
  const isClosing = event.type === 'taskCanceled' || event.type === 'taskArchived';
  const releasesLease = byWorker && (isInterruption || work.type === 'wait' || work.type === 'nothing');
  return {
    wakeInMs: wakeInMs(work, event.at),
    job: jobFor(work, event.at, byWorker, releasesLease, isInterruption),
    releasesLease,
    revokesLease: isClosing,
    sandbox: isClosing
      ? 'release'
      : event.type === 'stepStarted' && event.step === 'create_sandbox'
        ? 'request'
        : null,
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
