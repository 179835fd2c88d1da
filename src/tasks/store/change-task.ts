import type { Database } from '../../tables/database.ts';
import { sandboxKey } from '../domain/external-keys.ts';
import { newId } from '../domain/id.ts';
import { nextWork, type Work, wakeAt } from '../domain/next-work.ts';
import type { Task, Timestamp } from '../domain/task.ts';
import { type MachineEvent, type Transition, transition } from '../domain/task-machine.ts';
import { insertKeySql } from './idempotency-keys.ts';
import { query, type Row, taskColumns, toTask } from './task-rows.ts';
import { notifySql } from './wake-up.ts';

/** A worker's right to a task. Each of its writes says the epoch, and changes nothing once the task was given away. */
export interface Lease {
  readonly taskId: string;
  readonly epoch: number;
}

/** The worker's lease is gone: somebody else has the task, or it was canceled or archived. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

/** What only workers need to know of a task. */
export interface WorkerData {
  readonly endpoint?: unknown;
  readonly sandboxMetadata?: Record<string, unknown> | null;
}

export interface Change {
  readonly event: MachineEvent;
  /** Set by the worker that holds the task; left out when the change is asked for from outside. */
  readonly lease?: Lease;
  readonly workerData?: WorkerData;
  /** The prompt of a session that is added. */
  readonly sessionPrompt?: string | null;
  /** The idempotency key of the call, for what it makes. */
  readonly idempotencyKey?:
    | { readonly key: string; readonly inputHash: string; readonly objectId: string }
    | undefined;
}

/**
 * The one writer of a task's status, steps, sandbox and sessions: row, event, jobs and wake-up in a single statement, so
 * in one transaction. `from` is the task as it was read; null when it has changed since, or the lease is gone, and nothing
 * was written.
 *
 * MUST stay the only statement that updates `task.state`: the revision has no gaps because each write names the one
 * before it.
 */
async function write(
  db: Database,
  from: Task,
  to: Transition,
  change: Change,
): Promise<{ task: Task; leaseReleased: boolean } | null> {
  const { event, lease, workerData } = change;
  const work = nextWork(to.state, event.at);
  const wake = wakeAt(to.state, event.at);
  const isTerminal = event.type === 'taskCanceled' || event.type === 'taskArchived';
  const releasesLease =
    lease !== undefined && (work.type === 'wait' || work.type === 'nothing' || isInterruption(event));
  // Whoever goes on with the task needs no waking.
  const needsJob = wake !== null && (lease === undefined ? work.type.startsWith('start') : releasesLease);
  const key = sandboxKey(from.id);

  const parts: string[] = [];
  const params: unknown[] = [];
  const part = (sql: string, ...values: unknown[]) => {
    parts.push(sql);
    params.push(...values);
  };

  part('with ');
  if (change.idempotencyKey) {
    const { key: idempotencyKey, inputHash, objectId } = change.idempotencyKey;
    // Only for the row that will be updated: a key must not be used up by a write that loses against another one.
    part(
      `current as (select id from task where id = ? and revision = ? for update), ${insertKeySql('current')}, `,
      from.id,
      from.revision,
      from.workspaceId,
      idempotencyKey,
      inputHash,
      objectId,
    );
  }
  part(
    `changed as (
       update task t set revision = t.revision + 1, status = ?, state = ?::jsonb, updated_at = ?, wake_at = ?,
         epoch = t.epoch + ?, leased_by = case when ? then null else t.leased_by end`,
    to.state.status,
    JSON.stringify(to.state),
    event.at,
    wake,
    isTerminal ? 1 : 0,
    isTerminal || releasesLease,
  );
  if (workerData?.endpoint !== undefined) part(', endpoint = ?::jsonb', JSON.stringify(workerData.endpoint));
  if (workerData?.sandboxMetadata !== undefined) {
    part(', sandbox_metadata = ?::jsonb', JSON.stringify(workerData.sandboxMetadata));
  }
  part(' where t.id = ? and t.revision = ?', from.id, from.revision);
  if (lease) part(' and t.epoch = ?', lease.epoch);
  if (change.idempotencyKey) part(' and exists (select from claimed)');
  part(
    ` returning t.*
     ), event as (
       insert into task_event (id, task_id, revision, kind, status, step, error, state, at)
       select ?, id, revision, ?, status, ?, ?::jsonb, state, updated_at from changed
     )`,
    newId('event'),
    to.kind,
    to.step,
    to.error && JSON.stringify(to.error),
  );
  if (event.type === 'stepStarted' && event.step === 'create_sandbox') {
    part(
      `, intended as (
         insert into sandbox (key, task_id, provider, state) select ?, id, provider, 'wanted' from changed
         on conflict (key) do update set state = 'wanted', updated_at = now()
       )`,
      key,
    );
  }
  if (event.type === 'sessionAdded') {
    part(
      `, added as (insert into session (id, task_id, prompt) select ?, id, ? from changed)`,
      event.sessionId,
      change.sessionPrompt ?? null,
    );
  }
  if (isTerminal) {
    part(
      `, released as (
         update sandbox s set state = 'releasing', updated_at = now() from changed
         where s.task_id = changed.id and s.state <> 'released' returning s.key
       )`,
    );
  }
  part(` select ${notifySql}`);
  if (needsJob) part(`, ${addProvisionJobSql}`, isInterruption(event) ? runFirst : whenToRun(work));
  if (isTerminal) part(`, (select count(${addReleaseJobSql}) from released)`);
  part(' from changed');

  const rows = await query(db, parts.join(''), params);
  if (rows.length === 0) return null;
  return {
    task: { ...from, revision: from.revision + 1, updatedAt: event.at, state: to.state },
    leaseReleased: releasesLease,
  };
}

/**
 * Takes when to run as its parameter; null is now by the database's clock. A job of the task that still waits is moved
 * instead of doubled.
 */
export const addProvisionJobSql = `(graphile_worker.add_job('provisionTask', json_build_object('taskId', changed.id),
  run_at => ?::timestamptz, job_key => 'provision:' || changed.id)).id`;

/** For what was under way already: jobs run in the order of their times, so this one waits for none that has not begun. */
export const runFirst: Timestamp = new Date(0).toISOString();

function whenToRun(work: Work): Timestamp | null {
  return work.type === 'wait' ? work.until : null;
}

export const addReleaseJobSql = `(graphile_worker.add_job('releaseSandbox', json_build_object('key', released.key),
  job_key => 'release:' || released.key)).id`;

function isInterruption(event: MachineEvent): boolean {
  return event.type === 'stepInterrupted' || event.type === 'sessionInterrupted';
}

export type ChangeResult =
  /** `leaseReleased`: the write also released the lease, and the caller must stop. */
  | { readonly outcome: 'changed'; readonly task: Task; readonly leaseReleased: boolean }
  /** The task's state refuses the event; `task` is the one that said no. */
  | { readonly outcome: 'refused'; readonly task: Task }
  /** The idempotency key was used by an earlier call. */
  | { readonly outcome: 'duplicateKey'; readonly task: Task };

/**
 * Lets an event happen to a task, against whatever else happens to it at the same moment. Null: there is no such task.
 * With a lease: throws LeaseLostError once it is gone.
 */
export async function changeTask(
  db: Database,
  taskId: string,
  change: Change,
  current?: Task,
): Promise<ChangeResult | null> {
  let task = current ?? (await readTask(db, taskId, change.lease));
  while (task) {
    const next = transition(task.state, change.event);
    if (!next) return { outcome: 'refused', task };
    const written = await write(db, task, next, change);
    if (written) return { outcome: 'changed', ...written };
    const latest = await readTask(db, taskId, change.lease);
    // The write names the revision and the key: when the one is still right, it was the other.
    if (change.idempotencyKey && latest?.revision === task.revision) return { outcome: 'duplicateKey', task };
    task = latest;
  }
  return null;
}

/** The task as it is now; null when there is none. With a lease: throws LeaseLostError once that is gone. */
export async function readTask(db: Database, taskId: string, lease?: Lease): Promise<Task | null> {
  const [row] = await query(
    db,
    `select ${taskColumns}, t.epoch from task t join project p on p.id = t.project_id where t.id = ?`,
    [taskId],
  );
  if (!row) return null;
  if (lease && (row as Row).epoch !== lease.epoch) throw new LeaseLostError(`lease of ${taskId} is gone`);
  return toTask(row);
}
