import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { Lease } from '../domain/lease.ts';
import type { Task, Timestamp } from '../domain/task.ts';
import type { NewMachineEvent, Transition } from '../domain/task-machine.ts';
import type { WritePlan } from '../domain/write-plan.ts';
import type { NewIdempotencyKey } from './idempotency-keys.ts';
import { type RevisionRecord, recordColumns, recordFormat, toRecords } from './revision-records.ts';
import { sendWakeUps } from './wake-up.ts';
import { type OnlyAlone, onlyAlone } from './write-alone.ts';
import * as parts from './write-parts.ts';

/** What only workers need to know of a task; undefined leaves it as it is. */
export interface WorkerData {
  readonly endpoint?: unknown;
  readonly sandboxMetadata?: Record<string, unknown> | null;
}

export interface Change {
  readonly event: NewMachineEvent;
  /** Who asked for it, by name; left out when it happened by itself. */
  readonly actor?: string;
  /** Set by the worker that holds the task; left out when the change comes from outside. */
  readonly lease?: Lease;
  readonly workerData?: WorkerData;
  /**
   * Names for the branch, best first: the first one that no other task of the project excludes takes the place of the event's.
   * The last one is taken when all are excluded.
   */
  readonly branchCandidates?: readonly string[];
  /** Where the sandbox will lie that the event requests; null: every worker reaches it. */
  readonly sandboxLocation?: string | null;
  /** The prompt of a session that is added. */
  readonly sessionPrompt?: string | null;
  /** A prompt that is stored with the change. */
  readonly newPrompt?: { readonly id: string; readonly sessionId: string; readonly text: string };
  /** The idempotency key of the call, for what it makes. */
  readonly idempotencyKey?: Omit<NewIdempotencyKey, 'workspaceId'> | undefined;
}

/** One or more revisions of a task that are written together. */
export interface TaskWrite {
  /** The task as it was read: the write is made only while that is its revision. */
  readonly from: Task;
  /** In their order; at least one. */
  readonly revisions: readonly Transition[];
  readonly at: Timestamp;
  /** Its `event` is not looked at where another one follows it in `revisions`. */
  readonly change: Change;
  readonly plan: WritePlan;
}

export interface Written {
  /** The one that was chosen of the candidates; null where there were none. */
  readonly branchName: string | null;
}

/**
 * Writes one change. Null when the task has changed since it was read, the lease is gone, or the idempotency key is used;
 * nothing was written then.
 */
export async function writeTask(db: Database, write: TaskWrite): Promise<Written | null> {
  const [written] = await writeTasks(db, [write], { waits: true, alone: onlyAlone(write) });
  return written ?? null;
}

/**
 * Writes changes of different tasks by workers, each under its own lease and revision. Null for each that `writeTask` would not
 * have written, and for each whose task, or whose project's branch names, another transaction has locked: no write waits for
 * another one's lock.
 */
export function writeUnlockedTasks(db: Database, writes: readonly TaskWrite[]): Promise<(Written | null)[]> {
  return writeTasks(db, writes, { waits: false, alone: [] });
}

/**
 * The one writer of a task's status, steps, sandbox and sessions: row, events, jobs and wake-up in a single statement, so
 * in one transaction. MUST stay the only statement that updates `task.state`: the revision has no gaps because each write names
 * the one before it.
 *
 * The text depends on what there is to write: it leaves out what no change of the statement writes, because that would be
 * planned and run for nothing.
 */
async function writeTasks(
  db: Database,
  writes: readonly TaskWrite[],
  { waits, alone }: { waits: boolean; alone: OnlyAlone },
): Promise<(Written | null)[]> {
  const records = toRecords(writes);
  const some = (is: (record: RevisionRecord) => boolean) => records.some(is);
  const namesBranches = some(({ branch_candidates }) => branch_candidates !== null);
  const before = alone.filter(({ isBefore }) => isBefore).map(({ part }) => sql`${part}, `);
  const beside = alone.filter(({ isBefore }) => !isBefore).map(({ part }) => sql`, ${part}`);

  const unlocked = sql`unlocked as materialized (
      select task.id from given join task on task.id = given.task_id where given.is_last
      for no key update of task skip locked
    ), `;
  const branches = sql`branch as materialized (
      select * from choose_branches((
        select jsonb_agg(jsonb_build_object('place', given.place, 'task_id', given.task_id,
          'project_id', given.project_id, 'names', given.branch_candidates))
        from given where given.is_last and given.branch_candidates is not null
      ), ${waits})
    ), `;
  const stateWithBranch = (name: string) =>
    sql`case when ${sql.ref(name)} is null then given.state
      else jsonb_set(given.state, '{branchName}', to_jsonb(${sql.ref(name)})) end`;

  const { rows } = await sql<{ place: number; branch_name: string | null }>`
    with given as materialized (
      -- The condition makes PostgreSQL expect one record, and look rows up by their keys, however small the tables are when it plans.
      select * from jsonb_to_recordset(${JSON.stringify(records)}::jsonb) as record (${recordColumns})
      where record.format = ${recordFormat}
    ), ${waits ? nothing : unlocked}${namesBranches ? branches : nothing}${sql.join(before, nothing)}changed as (
      update task set revision = given.revision, status = given.status, updated_at = given.at,
        state = ${namesBranches ? stateWithBranch('branch.name') : sql`given.state`},
        wake_at = now() + given.wake_in_ms * interval '1 millisecond',
        epoch = task.epoch + given.revokes_lease::int,
        leased_by = case when given.revokes_lease or given.releases_lease then null else task.leased_by end,
        endpoint = case when given.has_endpoint then given.endpoint else task.endpoint end,
        sandbox_metadata = case when given.has_metadata then given.sandbox_metadata else task.sandbox_metadata end
      from given
        ${waits ? nothing : sql`join unlocked on unlocked.id = given.task_id`}
        ${namesBranches ? sql`left join branch on branch.place = given.place` : nothing}
      where given.is_last and task.id = given.task_id and task.revision = given.from_revision
        and (given.epoch is null or task.epoch = given.epoch)
        ${namesBranches ? sql`and (given.branch_candidates is null or branch.name is not null)` : nothing}
        ${before.length > 0 ? sql`and exists (select from inserted_key)` : nothing}
      returning given.place, ${namesBranches ? sql`branch.name` : sql`null`} as branch_name, task.id, task.revision,
        task.epoch, task.workspace_id, task.project_id, task.provider, task.updated_at
    ), event as (
      insert into task_event (id, task_id, revision, kind, status, step, error, state, at, actor)
      select given.event_id, changed.id, given.revision, given.kind, given.status, given.step, given.error,
        ${namesBranches ? stateWithBranch('changed.branch_name') : sql`given.state`}, given.at, given.actor
      from changed join given on given.place = changed.place order by given.place, given.revision
    )
    ${some(({ requests_sandbox }) => requests_sandbox) ? parts.requestedSandboxes : nothing}
    ${some(({ prompts }) => prompts === 'fail') ? parts.failedPrompts : nothing}
    ${some(({ prompts }) => prompts === 'retry') ? parts.queuedPrompts : nothing}
    ${some(({ prompts }) => prompts === 'handedOver') ? parts.handedOverPrompts : nothing}
    ${sql.join(beside, nothing)}
    select changed.place, changed.branch_name, ${sendWakeUps('changed')}
      ${some(({ has_job }) => has_job) ? sql`, ${parts.addedJobs}` : nothing}
      ${some(({ releases_sandbox }) => releases_sandbox) ? sql`, ${parts.addedReleases}` : nothing}
    from changed`.execute(db.kysely);

  const written = new Map(rows.map((row) => [row.place, { branchName: row.branch_name }]));
  return writes.map((_, place) => written.get(place) ?? null);
}

const nothing = sql``;
