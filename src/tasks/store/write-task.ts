import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { TaskErrorCode } from '../domain/error-codes.ts';
import { sandboxKey } from '../domain/external-keys.ts';
import { newId } from '../domain/id.ts';
import type { Lease } from '../domain/lease.ts';
import type { Task, Timestamp } from '../domain/task.ts';
import type { NewMachineEvent, Transition } from '../domain/task-machine.ts';
import { systemActor } from '../domain/viewer.ts';
import type { PromptsPlan, WritePlan } from '../domain/write-plan.ts';
import { insertAudit } from './audit-log.ts';
import { insertKey, type NewIdempotencyKey } from './idempotency-keys.ts';
import { addProvisionJob, addReleaseJob, inMs } from './jobs.ts';
import { sendWakeUps } from './wake-up.ts';

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
  /** Where the sandbox will lie that the event requests; null: every worker reaches it. */
  readonly sandboxLocation?: string | null;
  /** The prompt of a session that is added. */
  readonly sessionPrompt?: string | null;
  /** A prompt that is stored with the change. */
  readonly newPrompt?: { readonly id: string; readonly sessionId: string; readonly text: string };
  /** The idempotency key of the call, for what it makes. */
  readonly idempotencyKey?: Omit<NewIdempotencyKey, 'workspaceId'> | undefined;
}

/**
 * The one writer of a task's status, steps, sandbox and sessions: row, event, jobs and wake-up in a single statement, so
 * in one transaction. False when the task has changed since `from` was read, the lease is gone, or the idempotency key is
 * used; nothing was written then.
 *
 * The text depends on the plan alone: it leaves out what an event does not write, because PostgreSQL would plan it anew at
 * each execution otherwise. MUST stay the only statement that updates `task.state`: the revision has no gaps because each write names the one
 * before it.
 */
export async function writeTask(
  db: Database,
  from: Task,
  to: Transition,
  at: Timestamp,
  change: Change,
  plan: WritePlan,
): Promise<boolean> {
  const { lease, workerData = {}, idempotencyKey, actor = systemActor } = change;
  const { endpoint, sandboxMetadata } = workerData;

  // The key is inserted only if this write wins the check of the revision: a write that loses must not use it up.
  const insertedKey = idempotencyKey
    ? sql`current as (
        select from task where id = ${from.id} and revision = ${from.revision} for update
      ), inserted_key as (
        ${insertKey({ ...idempotencyKey, workspaceId: from.workspaceId }, 'current')}
      ),`
    : nothing;
  const requestedSandbox = sql`, requested_sandbox as (
      insert into sandbox (key, task_id, provider, state, location)
      select ${sandboxKey(from.id)}, id, provider, 'requested', ${change.sandboxLocation ?? null} from changed
      on conflict (key) do update set state = 'requested', location = excluded.location, updated_at = now()
    )`;
  const releasedSandbox = sql`, released_sandbox as (
      update sandbox set state = 'releasing', updated_at = now() from changed
      where sandbox.task_id = changed.id and sandbox.state <> 'released'
      returning sandbox.key
    )`;
  const firstPrompt = sql`, first_prompt as (
      insert into prompt (id, session_id, number, text, state, created_at)
      select ${newId('prompt', at)}, ${plan.addsSession}, revision, ${change.sessionPrompt ?? null}, 'queued', updated_at
      from changed
    )`;
  const { newPrompt } = change;
  const queuedPrompt = sql`, queued as (
      insert into prompt (id, session_id, number, text, state, created_at)
      select ${newPrompt?.id}, ${newPrompt?.sessionId}, revision, ${newPrompt?.text}, 'queued', updated_at from changed
    )`;
  const addedSession = sql`, added_session as (
      insert into session (id, task_id, prompt)
      select ${plan.addsSession}, id, ${change.sessionPrompt ?? null} from changed
    )
    ${change.sessionPrompt == null ? nothing : firstPrompt}`;

  const closing = { taskCanceled: 'task.canceled', taskArchived: 'task.archived' } as const;
  const { type } = change.event;
  const audited =
    type === 'taskCanceled' || type === 'taskArchived'
      ? sql`, audited as (${insertAudit({ actor, action: closing[type] }, 'changed')})`
      : nothing;

  const { rows } = await sql`
    with ${insertedKey} changed as (
      update task set revision = revision + 1, status = ${to.state.status},
        state = ${JSON.stringify(to.state)}::jsonb, updated_at = ${at}, wake_at = ${inMs(plan.wakeInMs)}
        ${plan.revokesLease ? sql`, epoch = epoch + 1` : nothing}
        ${plan.revokesLease || plan.releasesLease ? sql`, leased_by = null` : nothing}
        ${endpoint === undefined ? nothing : sql`, endpoint = ${JSON.stringify(endpoint)}::jsonb`}
        ${sandboxMetadata === undefined ? nothing : sql`, sandbox_metadata = ${JSON.stringify(sandboxMetadata)}::jsonb`}
      where id = ${from.id} and revision = ${from.revision}
        ${lease ? sql`and epoch = ${lease.epoch}` : nothing}
        ${idempotencyKey ? sql`and exists (select from inserted_key)` : nothing}
      returning id, revision, status, state, updated_at, epoch, workspace_id, project_id, provider
    ), event as (
      insert into task_event (id, task_id, revision, kind, status, step, error, state, at, actor)
      select ${newId('event')}, id, revision, ${to.kind}, status, ${to.step},
        ${to.error && JSON.stringify(to.error)}::jsonb, state, updated_at, ${actor}
      from changed
    )
    ${plan.sandbox === 'request' ? requestedSandbox : nothing}
    ${plan.sandbox === 'release' ? releasedSandbox : nothing}
    ${plan.addsSession === null ? nothing : addedSession}
    ${plan.prompts ? settlePrompts(plan.prompts) : nothing}
    ${newPrompt ? queuedPrompt : nothing}
    ${audited}
    select ${sendWakeUps('changed')}
      ${plan.job ? sql`, ${addProvisionJob(sql.ref('changed.id'), plan.job.runInMs)}` : nothing}
      ${plan.sandbox === 'release' ? sql`, (select count(${addReleaseJob(sql.ref('released_sandbox.key'))}) from released_sandbox)` : nothing}
    from changed`.execute(db.kysely);
  return rows.length > 0;
}

const nothing = sql``;

/** Why prompts fail that no agent has got: the code also says which of them a retry of the task queues again. */
const notHandedOver = JSON.stringify({
  code: 'SESSION_FAILED' satisfies TaskErrorCode,
  message: 'The session ended before the agent got the prompt.',
  step: null,
  retryable: false,
});

function settlePrompts({ sessionIds, outcome }: PromptsPlan): RawBuilder<unknown> {
  const ofSessions = sql`from changed where prompt.session_id = any(${sessionIds})`;
  switch (outcome) {
    case 'fail':
      return sql`, failed_prompt as (
        update prompt set state = 'failed', error = ${notHandedOver}::jsonb ${ofSessions} and prompt.state = 'queued'
      )`;
    case 'retry':
      return sql`, queued_prompt as (
        update prompt set state = 'queued', error = null ${ofSessions} and prompt.state = 'failed'
          and prompt.error = ${notHandedOver}::jsonb
      )`;
    case 'handedOver':
      return sql`, handed_over_prompt as (
        update prompt set
          state = case when is_first.number = prompt.number then 'done' else 'failed' end,
          error = case when is_first.number = prompt.number then null else ${notHandedOver}::jsonb end
        from changed, (select session_id, min(number) as number from prompt
          where session_id = any(${sessionIds}) group by session_id) is_first
        where prompt.session_id = is_first.session_id and prompt.state = 'queued'
      )`;
  }
}
