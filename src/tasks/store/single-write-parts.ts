import { type RawBuilder, sql } from 'kysely';
import { newId } from '../domain/id.ts';
import { systemActor } from '../domain/viewer.ts';
import { insertAudit } from './audit-log.ts';
import { insertKey } from './idempotency-keys.ts';
import type { TaskWrite } from './task-write.ts';

/**
 * Parts of the statement that writes tasks which are only for a statement of one change: what a person or a follower asks for
 * writes more than the step of a worker does. They read `changed`, the row that was updated.
 */
export interface SingleWriteParts {
  /** Inserts the call's idempotency key as `inserted_key`, before the row is updated; null for a call without one. */
  readonly insertedKey: RawBuilder<unknown> | null;
  readonly others: readonly RawBuilder<unknown>[];
}

export function singleWriteParts({ from, at, change, plan }: TaskWrite): SingleWriteParts {
  const { actor = systemActor, idempotencyKey, sessionPrompt } = change;
  const others: RawBuilder<unknown>[] = [];
  if (plan.sandbox === 'release') {
    others.push(sql`released_sandbox as (
        update sandbox set state = 'releasing', updated_at = now() from changed
        where sandbox.task_id = changed.id and sandbox.state <> 'released'
        returning sandbox.key
      )`);
  }
  if (plan.addsSession !== null) {
    others.push(sql`added_session as (
        insert into session (id, task_id, prompt) select ${plan.addsSession}, id, ${sessionPrompt ?? null} from changed
      )`);
  }
  const prompt =
    plan.addsSession !== null && sessionPrompt != null
      ? { id: newId('prompt', at), sessionId: plan.addsSession, text: sessionPrompt }
      : change.newPrompt;
  if (prompt) {
    others.push(sql`queued as (
        insert into prompt (id, session_id, number, text, state, created_at)
        select ${prompt.id}, ${prompt.sessionId}, revision, ${prompt.text}, 'queued', updated_at from changed
      )`);
  }
  if (change.event.type === 'taskCanceled' || change.event.type === 'taskArchived') {
    const action = change.event.type === 'taskCanceled' ? 'task.canceled' : 'task.archived';
    others.push(sql`audited as (${insertAudit({ actor, action }, 'changed')})`);
  }
  // The key is inserted only if this write wins the check of the revision: a write that loses must not use it up.
  const insertedKey = idempotencyKey
    ? sql`current as (
        select from task where id = ${from.id} and revision = ${from.revision} for update
      ), inserted_key as (
        ${insertKey({ ...idempotencyKey, workspaceId: from.workspaceId }, 'current')}
      )`
    : null;
  return { insertedKey, others };
}
