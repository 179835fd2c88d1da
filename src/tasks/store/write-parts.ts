import { sql } from 'kysely';
import type { TaskErrorCode } from '../domain/error-codes.ts';
import { addProvisionJobAt, addReleaseJob } from './jobs.ts';
import { valueApart } from './values-apart.ts';

// Parts of the statement that writes tasks, for those of its changes that need them. `given` has a record for each revision,
// `changed` the rows that were updated.

const ofLast = sql`changed join given on given.place = changed.place and given.is_last`;

export const requestedSandboxes = sql`, requested_sandbox as (
      insert into sandbox (key, task_id, provider, state, location)
      select given.sandbox_key, changed.id, changed.provider, 'requested', given.sandbox_location from ${ofLast}
      where given.requests_sandbox
      on conflict (key) do update set state = 'requested', location = excluded.location, updated_at = now()
    )`;

export const addedJobs = sql`(
        select count(${addProvisionJobAt(
          sql.ref('changed.id'),
          sql`case when given.job_in_ms is null then to_timestamp(0) else now() + given.job_in_ms * interval '1 millisecond' end`,
        )}) from ${ofLast} where given.has_job
      )`;

export const addedReleases = sql`(select count(${addReleaseJob(sql.ref('released_sandbox.key'))}) from released_sandbox)`;

/** Why prompts fail that no agent has got: the code also says which of them a retry of the task queues again. */
const notHandedOver = sql`${sql.lit(
  JSON.stringify({
    code: 'SESSION_FAILED' satisfies TaskErrorCode,
    message: 'The session ended before the agent got the prompt.',
    step: null,
    retryable: false,
  }),
)}::jsonb`;

const queued = valueApart('queued');

export const failedPrompts = sql`, failed_prompt as (
      update prompt set state = 'failed', error = ${notHandedOver} from ${ofLast}
      where given.prompts = 'fail' and prompt.session_id = any(given.prompt_sessions) and prompt.state = ${queued}
    )`;
export const queuedPrompts = sql`, queued_prompt as (
      update prompt set state = 'queued', error = null from ${ofLast}
      where given.prompts = 'retry' and prompt.session_id = any(given.prompt_sessions) and prompt.state = 'failed'
        and prompt.error = ${notHandedOver}
    )`;
// `offset 0`: looked up by the session. PostgreSQL would read all prompts that wait, while it takes them for few.
export const handedOverPrompts = sql`, handed_over_prompt as (
      update prompt set
        state = case when is_first.number = prompt.number then 'done' else 'failed' end,
        error = case when is_first.number = prompt.number then null else ${notHandedOver} end
      from ${ofLast} cross join unnest(given.prompt_sessions) as session (id)
        cross join lateral (select min(number) as number from prompt each where each.session_id = session.id) is_first
        cross join lateral (
          select id from prompt each where each.session_id = session.id and each.state = 'queued' offset 0
        ) queued
      where given.prompts = 'handedOver' and prompt.id = queued.id and prompt.state = ${queued}
    )`;
