import { sql } from 'kysely';
import { sandboxKey } from '../domain/external-keys.ts';
import { newId } from '../domain/id.ts';
import { systemActor } from '../domain/viewer.ts';
import type { TaskWrite } from './task-write.ts';

/** PostgreSQL's planner expects one record of this format: it takes a value to be one of 200 where it knows nothing. */
export const recordFormat = 1;
export const recordColumns = sql`format int, place int, is_last boolean, task_id text, project_id text, from_revision int, epoch int,
        takes_lease_for text, revision int, event_id text, kind text, status text, step text, error jsonb, state jsonb, at timestamptz, actor text,
        wake_in_ms int, releases_lease boolean, revokes_lease boolean, has_endpoint boolean, endpoint jsonb,
        has_metadata boolean, sandbox_metadata jsonb, branch_candidates jsonb, requests_sandbox boolean, sandbox_key text,
        sandbox_location text, releases_sandbox boolean, has_job boolean, job_in_ms int, prompts text,
        prompt_sessions text[]`;

export type RevisionRecord = ReturnType<typeof toRecords>[number];

/** One for each revision. Only the last one of a change says what becomes of the row. */
export function toRecords(writes: readonly TaskWrite[]) {
  return writes.flatMap(({ from, revisions, at, change, plan }, place) =>
    revisions.map(({ state, kind, step, error }, index) => ({
      format: recordFormat,
      place,
      is_last: index === revisions.length - 1,
      task_id: from.id,
      project_id: from.project.id,
      from_revision: from.revision,
      epoch: change.lease?.epoch ?? null,
      takes_lease_for: change.takesLeaseFor ?? null,
      revision: from.revision + index + 1,
      event_id: newId('event'),
      kind,
      status: state.status,
      step,
      error,
      state,
      at,
      actor: change.actor ?? systemActor,
      wake_in_ms: plan.wakeInMs,
      releases_lease: plan.releasesLease,
      revokes_lease: plan.revokesLease,
      has_endpoint: change.workerData?.endpoint !== undefined,
      endpoint: change.workerData?.endpoint,
      has_metadata: change.workerData?.sandboxMetadata !== undefined,
      sandbox_metadata: change.workerData?.sandboxMetadata,
      branch_candidates: change.branchCandidates ?? null,
      requests_sandbox: plan.sandbox === 'request',
      sandbox_key: sandboxKey(from.id),
      sandbox_location: change.sandboxLocation ?? null,
      releases_sandbox: plan.sandbox === 'release',
      has_job: plan.job !== null,
      /** Null: before all jobs that wait. */
      job_in_ms: plan.job === null || plan.job.runInMs === 'first' ? null : plan.job.runInMs,
      prompts: plan.prompts?.outcome ?? null,
      prompt_sessions: plan.prompts?.sessionIds ?? null,
    })),
  );
}
