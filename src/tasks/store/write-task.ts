import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { sandboxKey } from '../domain/external-keys.ts';
import { newId } from '../domain/id.ts';
import type { Task } from '../domain/task.ts';
import type { Transition } from '../domain/task-machine.ts';
import type { WritePlan } from '../domain/write-plan.ts';
import type { Change } from './change-task.ts';
import { insertKey } from './idempotency-keys.ts';
import { addProvisionJob, addReleaseJob, toRunAt } from './jobs.ts';
import { sendWakeUp } from './wake-up.ts';

/**
 * The one writer of a task's status, steps, sandbox and sessions: row, event, jobs and wake-up in a single statement, so
 * in one transaction. False when the task has changed since `from` was read, the lease is gone, or the idempotency key is
 * used; nothing was written then.
 *
 * MUST stay the only statement that updates `task.state`: the revision has no gaps because each write names the one
 * before it.
 */
export async function writeTask(
  db: Database,
  from: Task,
  to: Transition,
  change: Change,
  plan: WritePlan,
): Promise<boolean> {
  const { lease, workerData = {}, idempotencyKey } = change;
  const { endpoint, sandboxMetadata } = workerData;
  const losesLease = plan.releasesLease || plan.revokesLease;

  // The key is inserted only if this write wins the check of the revision: a write that loses must not use it up.
  const withKey = idempotencyKey
    ? sql`current as (
        select from task where id = ${from.id} and revision = ${from.revision} for update
      ), inserted_key as (
        ${insertKey({ ...idempotencyKey, workspaceId: from.workspaceId }, 'current')}
      ),`
    : sql``;

  const { rows } = await sql`
    with ${withKey} changed as (
      update task set
        revision = revision + 1,
        status = ${to.state.status},
        state = ${JSON.stringify(to.state)}::jsonb,
        updated_at = ${change.event.at},
        wake_at = ${plan.wakeAt},
        epoch = epoch + ${plan.revokesLease ? 1 : 0},
        leased_by = case when ${losesLease} then null else leased_by end,
        endpoint = case when ${endpoint !== undefined} then ${JSON.stringify(endpoint)}::jsonb else endpoint end,
        sandbox_metadata = case when ${sandboxMetadata !== undefined}
          then ${JSON.stringify(sandboxMetadata)}::jsonb else sandbox_metadata end
      where id = ${from.id} and revision = ${from.revision}
        and (${lease === undefined} or epoch = ${lease?.epoch ?? null})
        ${idempotencyKey ? sql`and exists (select from inserted_key)` : sql``}
      returning id, revision, status, state, updated_at, epoch, workspace_id, project_id, provider
    ), event as (
      insert into task_event (id, task_id, revision, kind, status, step, error, state, at)
      select ${newId('event')}, id, revision, ${to.kind}, status, ${to.step},
        ${to.error && JSON.stringify(to.error)}::jsonb, state, updated_at
      from changed
    ), requested_sandbox as (
      insert into sandbox (key, task_id, provider, state)
      select ${sandboxKey(from.id)}, id, provider, 'requested' from changed where ${plan.sandbox === 'request'}
      on conflict (key) do update set state = 'requested', updated_at = now()
    ), added_session as (
      insert into session (id, task_id, prompt)
      select ${plan.addsSession}, id, ${change.sessionPrompt ?? null} from changed where ${plan.addsSession !== null}
    ), released_sandbox as (
      update sandbox set state = 'releasing', updated_at = now() from changed
      where ${plan.sandbox === 'release'} and sandbox.task_id = changed.id and sandbox.state <> 'released'
      returning sandbox.key
    )
    select ${sendWakeUp('changed')},
      case when ${plan.job !== null}
        then ${addProvisionJob(sql.ref('changed.id'), plan.job && toRunAt(plan.job.runAt))} end,
      (select count(${addReleaseJob(sql.ref('released_sandbox.key'))}) from released_sandbox)
    from changed`.execute(db.kysely);
  return rows.length > 0;
}
