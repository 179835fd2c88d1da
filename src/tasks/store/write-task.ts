import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { type RevisionRecord, recordColumns, recordFormat, toRecords } from './revision-records.ts';
import { type SingleWriteParts, singleWriteParts } from './single-write-parts.ts';
import type { TaskWrite, Written } from './task-write.ts';
import { sendWakeUps } from './wake-up.ts';
import * as parts from './write-parts.ts';

/**
 * Writes one change. Null when the task has changed since it was read, the lease is gone, or the idempotency key is used;
 * nothing was written then.
 */
export async function writeTask(db: Database, write: TaskWrite): Promise<Written | null> {
  const single = singleWriteParts(write);
  const [written] = await writeTasks(db, [write], { waitsForTasks: true, waitsForNames: true, single });
  return written ?? null;
}

/**
 * Writes changes of different tasks by workers, each under its own lease and revision. Null for each that `writeTask` would not
 * have written, and for each whose task, or whose project's branch names, another transaction has locked: no write waits for
 * another one's lock.
 */
export function writeUnlockedTasks(db: Database, writes: readonly TaskWrite[]): Promise<(Written | null)[]> {
  return writeTasks(db, writes, { waitsForTasks: false, waitsForNames: false, single: null });
}

/** The same for tasks of one project, but where another transaction is choosing a branch name in it, it waits for its end. */
export function writeNames(db: Database, writes: readonly TaskWrite[]): Promise<(Written | null)[]> {
  return writeTasks(db, writes, { waitsForTasks: false, waitsForNames: true, single: null });
}

interface WriteOptions {
  /** Else a task that another transaction has locked is left out. */
  readonly waitsForTasks: boolean;
  /** Else a task for which a name is to be chosen is left out while another transaction chooses one in its project. */
  readonly waitsForNames: boolean;
  /** What only a statement with one change writes. */
  readonly single: SingleWriteParts | null;
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
  { waitsForTasks, waitsForNames, single }: WriteOptions,
): Promise<(Written | null)[]> {
  const records = toRecords(writes);
  const some = (is: (record: RevisionRecord) => boolean) => records.some(is);
  const namesBranches = some(({ branch_candidates }) => branch_candidates !== undefined);
  const takesLeases = some(({ takes_lease_for }) => takes_lease_for !== undefined);
  const insertedKey = single?.insertedKey;

  const unlocked = sql`unlocked as materialized (
      select task.id from given join task on task.id = given.task_id where given.is_last
      for no key update of task skip locked
    ), `;
  const branches = sql`branch as materialized (
      select * from choose_branches((
        select jsonb_agg(jsonb_build_object('place', given.place, 'task_id', given.task_id,
          'project_id', given.project_id, 'names', given.branch_candidates))
        from given where given.is_last and given.branch_candidates is not null
      ), ${waitsForNames})
    ), `;
  // A worker that is being declared dead is locked, and its tasks are next: nothing that holds one of them may wait for it.
  const alive = sql`alive as materialized (
      select id from worker where id in (select takes_lease_for from given) for key share skip locked
    ), `;
  // Not in the states before the one that settles the name.
  const stateWithBranch = (name: string) =>
    sql`case when ${sql.ref(name)} is null or given.state ->> 'branchName' is null then given.state
      else jsonb_set(given.state, '{branchName}', to_jsonb(${sql.ref(name)})) end`;

  const { rows } = await sql<{ place: number; branch_name: string | null }>`
    with given as materialized (
      -- The condition makes PostgreSQL expect one record, and look rows up by their keys, however small the tables are when it plans.
      select * from jsonb_to_recordset(${JSON.stringify(records)}::jsonb) as record (${recordColumns})
      where record.format = ${recordFormat}
    ), ${waitsForTasks ? nothing : unlocked}${namesBranches ? branches : nothing}${takesLeases ? alive : nothing}${insertedKey ? sql`${insertedKey}, ` : nothing}changed as (
      update task set revision = given.revision, status = given.status, updated_at = given.at,
        state = ${namesBranches ? stateWithBranch('branch.name') : sql`given.state`},
        wake_at = now() + given.wake_in_ms * interval '1 millisecond',
        epoch = ${takesLeases ? sql`case when given.takes_lease_for is null then task.epoch else given.epoch end` : sql`task.epoch`} + coalesce(given.revokes_lease, false)::int,
        leased_by = case when given.revokes_lease or given.releases_lease then null
          else ${takesLeases ? sql`coalesce(given.takes_lease_for, task.leased_by)` : sql`task.leased_by`} end,
        endpoint = case when given.has_endpoint then given.endpoint else task.endpoint end,
        sandbox_metadata = case when given.has_metadata then given.sandbox_metadata else task.sandbox_metadata end
      from given
        ${waitsForTasks ? nothing : sql`join unlocked on unlocked.id = given.task_id`}
        ${namesBranches ? sql`left join branch on branch.place = given.place` : nothing}
        ${takesLeases ? sql`left join alive on alive.id = given.takes_lease_for` : nothing}
      where given.is_last and task.id = given.task_id and task.revision = given.from_revision
        and ${takesLeases ? sql`case when given.takes_lease_for is null then ${isFenced} else ${isFree} end` : isFenced}
        ${namesBranches ? sql`and (given.branch_candidates is null or branch.name is not null)` : nothing}
        ${insertedKey ? sql`and exists (select from inserted_key)` : nothing}
      returning given.place, ${namesBranches ? sql`branch.name` : sql`null`} as branch_name, task.id, task.revision,
        task.epoch, task.workspace_id, task.project_id, task.provider, task.updated_at
    ), event as (
      insert into task_event (id, task_id, revision, kind, status, step, error, state, at, actor)
      select given.event_id, changed.id, given.revision, given.kind, given.status, given.step, given.error,
        ${namesBranches ? stateWithBranch('changed.branch_name') : sql`given.state`}, given.at, given.actor
      from changed join given on given.place = changed.place order by given.place, given.revision
    )
    ${some(({ requests_sandbox }) => requests_sandbox === true) ? parts.requestedSandboxes : nothing}
    ${some(({ prompts }) => prompts === 'fail') ? parts.failedPrompts : nothing}
    ${some(({ prompts }) => prompts === 'retry') ? parts.queuedPrompts : nothing}
    ${some(({ prompts }) => prompts === 'handedOver') ? parts.handedOverPrompts : nothing}
    ${sql.join(
      (single?.others ?? []).map((part) => sql`, ${part}`),
      nothing,
    )}
    select changed.place, changed.branch_name, ${sendWakeUps('changed', writes.length)}
      ${some(({ has_job }) => has_job === true) ? sql`, ${parts.addedJobs}` : nothing}
      ${some(({ releases_sandbox }) => releases_sandbox === true) ? sql`, ${parts.addedReleases}` : nothing}
    from changed`.execute(db.kysely);

  const written = new Map(rows.map((row) => [row.place, { branchName: row.branch_name }]));
  return writes.map((_, place) => written.get(place) ?? null);
}

const nothing = sql``;

/** Nothing is written for a worker that has lost its lease. */
const isFenced = sql`(given.epoch is null or task.epoch = given.epoch)`;
/** A lease is taken only of a task that is still as it was read: it needs work, and no worker holds it or has held it since. */
const isFree = sql`(alive.id is not null and task.epoch = given.epoch - 1 and task.leased_by is null and task.wake_at is not null)`;
