import { type RawBuilder, sql } from 'kysely';
import { newId } from '../domain/id.ts';
import { systemActor } from '../domain/viewer.ts';
import { insertAudit } from './audit-log.ts';
import { insertKey } from './idempotency-keys.ts';
import type { TaskWrite } from './write-task.ts';

/** What is written only by a statement of one change: parts of it, of which some go before the row is updated. */
export type OnlyAlone = readonly { readonly part: RawBuilder<unknown>; readonly isBefore?: boolean }[];

/** What a person or a follower asks for writes more than what a worker's step does. */
export function onlyAlone({ from, at, change, plan }: TaskWrite): OnlyAlone {
  const { actor = systemActor, idempotencyKey, newPrompt, sessionPrompt } = change;
  const parts: { part: RawBuilder<unknown>; isBefore?: boolean }[] = [];
  if (idempotencyKey) {
    // The key is inserted only if this write wins the check of the revision: a write that loses must not use it up.
    const part = sql`current as (
        select from task where id = ${from.id} and revision = ${from.revision} for update
      ), inserted_key as (
        ${insertKey({ ...idempotencyKey, workspaceId: from.workspaceId }, 'current')}
      )`;
    parts.push({ part, isBefore: true });
  }
  if (plan.sandbox === 'release') {
    const part = sql`released_sandbox as (
        update sandbox set state = 'releasing', updated_at = now() from changed
        where sandbox.task_id = changed.id and sandbox.state <> 'released'
        returning sandbox.key
      )`;
    parts.push({ part });
  }
  if (plan.addsSession !== null) {
    const part = sql`added_session as (
        insert into session (id, task_id, prompt) select ${plan.addsSession}, id, ${sessionPrompt ?? null} from changed
      )`;
    parts.push({ part });
  }
  const first =
    plan.addsSession !== null && sessionPrompt != null
      ? { id: newId('prompt', at), sessionId: plan.addsSession, text: sessionPrompt }
      : null;
  for (const prompt of [first, newPrompt]) {
    if (!prompt) continue;
    const part = sql`queued as (
        insert into prompt (id, session_id, number, text, state, created_at)
        select ${prompt.id}, ${prompt.sessionId}, revision, ${prompt.text}, 'queued', updated_at from changed
      )`;
    parts.push({ part });
  }
  if (change.event.type === 'taskCanceled' || change.event.type === 'taskArchived') {
    const action = change.event.type === 'taskCanceled' ? 'task.canceled' : 'task.archived';
    parts.push({ part: sql`audited as (${insertAudit({ actor, action }, 'changed')})` });
  }
  return parts;
}
