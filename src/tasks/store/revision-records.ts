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

/**
 * One for each revision. Only the last one of a change says what becomes of the row. What is null or false is undefined, and so not in
 * the JSON: PostgreSQL would parse it for nothing.
 */
export function toRecords(writes: readonly TaskWrite[]) {
  return writes.flatMap(({ from, revisions, at, change, plan }, place) => {
    const { lease, workerData } = change;
    const ofRow = {
      is_last: true,
      task_id: from.id,
      project_id: from.project.id,
      from_revision: from.revision,
      epoch: lease?.epoch,
      takes_lease_for: change.takesLeaseFor,
      wake_in_ms: plan.wakeInMs ?? undefined,
      releases_lease: plan.releasesLease || undefined,
      revokes_lease: plan.revokesLease || undefined,
      has_endpoint: workerData?.endpoint !== undefined || undefined,
      endpoint: workerData?.endpoint,
      has_metadata: workerData?.sandboxMetadata !== undefined || undefined,
      sandbox_metadata: workerData?.sandboxMetadata,
      branch_candidates: change.branchCandidates,
      requests_sandbox: plan.sandbox === 'request' || undefined,
      sandbox_key: plan.sandbox === 'request' ? sandboxKey(from.id) : undefined,
      sandbox_location: change.sandboxLocation ?? undefined,
      releases_sandbox: plan.sandbox === 'release' || undefined,
      has_job: plan.job !== null || undefined,
      /** Undefined: before all jobs that wait. */
      job_in_ms: plan.job === null || plan.job.runInMs === 'first' ? undefined : plan.job.runInMs,
      prompts: plan.prompts?.outcome,
      prompt_sessions: plan.prompts?.sessionIds,
    };
    return revisions.map(({ state, kind, step, error }, index) => ({
      format: recordFormat,
      place,
      revision: from.revision + index + 1,
      event_id: newId('event'),
      kind,
      status: state.status,
      step: step ?? undefined,
      error: error ?? undefined,
      state,
      at,
      actor: change.actor ?? systemActor,
      ...(index === revisions.length - 1 && ofRow),
    }));
  });
}
