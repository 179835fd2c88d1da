import type { TaskEvent, TaskFailure } from '../../tasks/domain/task.ts';
import { openRequestsOf } from '../../tasks/domain/task-state.ts';
import { toTimestamp } from '../../tasks/store/task-rows.ts';
import type { DueDelivery } from '../../tasks/store/webhook-deliveries.ts';

/**
 * The body of a delivery: the form of Standard Webhooks, with names and values as the API has them. The same at each attempt.
 * docs/webhooks.md describes each field; fields may be added.
 */
export function bodyOf({ kind, createdAt, event }: DueDelivery, webhookId: string): string {
  return JSON.stringify(
    event
      ? { type: kind, timestamp: event.at, data: dataOf(event) }
      : { type: kind, timestamp: toTimestamp(createdAt), data: { webhookId } },
  );
}

/** Thin: without the prompt, the sessions and the steps, which a receiver that needs them asks the API for. */
function dataOf({ revision, step, error, actor, task }: TaskEvent) {
  const { state, project } = task;
  return {
    workspaceId: task.workspaceId,
    revision,
    step: step?.toUpperCase() ?? null,
    error: errorOf(error),
    actor,
    task: {
      id: task.id,
      revision,
      status: state.status.toUpperCase(),
      error: errorOf(state.error),
      openRequests: openRequestsOf(state),
      title: state.title,
      branchName: state.branchName,
      baseRef: task.baseRef,
      provider: task.provider,
      agent: task.agent,
      project: { id: project.id, name: project.name, repoUrl: project.repoUrl },
      createdAt: task.createdAt,
      updatedAt: task.updatedAt,
      readyAt: state.readyAt,
    },
  };
}

function errorOf(error: TaskFailure | null) {
  if (!error) return null;
  const { code, message, step, retryable } = error;
  return { code, message, step: step?.toUpperCase() ?? null, retryable };
}
