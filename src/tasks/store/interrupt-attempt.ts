import type { Database } from '../../tables/database.ts';
import type { NewMachineEvent } from '../domain/machine-event.ts';
import { nextWork } from '../domain/next-work.ts';
import type { TaskState, Timestamp } from '../domain/task.ts';
import { changeTask, readTask } from './change-task.ts';

/** Ends the attempt that is running for a task, if there is one, without a failure: its next attempt may start at once. */
export async function interruptAttempt(db: Database, taskId: string): Promise<void> {
  const task = await readTask(db, taskId);
  const event = task && interruption(task.state, db.clock.now());
  if (event) await changeTask(db, taskId, { event }, task);
}

function interruption(state: TaskState, now: Timestamp): NewMachineEvent | null {
  const work = nextWork(state, now);
  if (work.type === 'stepRunning') return { type: 'stepInterrupted', step: work.step.name };
  if (work.type === 'sessionRunning') return { type: 'sessionInterrupted', sessionId: work.session.id };
  return null;
}
