import { type IdKind, kindOfId } from './domain/id.ts';
import type { Project, Task, TaskEvent } from './domain/task.ts';
import type { TaskSession } from './domain/task-session.ts';
import type { TranscriptItem } from './domain/transcript/item.ts';
import type { Prompt } from './domain/transcript/prompt.ts';
import type { AgentRequest } from './domain/transcript/request.ts';
import { type ApiToken, onlyTaskOf, type Workspace } from './domain/viewer.ts';
import type { Webhook, WebhookDelivery } from './domain/webhook.ts';
import { findApiTokens } from './store/view/api-token-queries.ts';
import { findPrompts, findRequests } from './store/view/prompt-queries.ts';
import { findEvents, findProjects, findSessions, findTasks } from './store/view/task-queries.ts';
import { findItems } from './store/view/transcript-queries.ts';
import type { View } from './store/view/view.ts';
import { findDeliveries, findWebhooks } from './store/view/webhook-queries.ts';

/** Anything that has an id. */
export type FoundNode =
  | Task
  | TaskSession
  | TaskEvent
  | Project
  | Workspace
  | ApiToken
  | Webhook
  | WebhookDelivery
  | TranscriptItem
  | Prompt
  | AgentRequest;

type Find = (view: View, ids: readonly string[]) => Promise<readonly FoundNode[]>;

const findByKind = {
  // A task token does not see its workspace.
  workspace: async ({ viewer }) => (onlyTaskOf(viewer) === null ? [viewer.workspace] : []),
  project: (view, ids) => findProjects(view, ids),
  task: (view, ids) => findTasks(view, ids),
  session: (view, ids) => findSessions(view, ids),
  event: (view, ids) => findEvents(view, ids),
  token: (view, ids) => findApiTokens(view, ids),
  webhook: (view, ids) => findWebhooks(view, ids),
  delivery: (view, ids) => findDeliveries(view, ids),
  item: (view, ids) => findItems(view, ids),
  prompt: (view, ids) => findPrompts(view, ids),
  request: (view, ids) => findRequests(view, ids),
  // The API shows neither; `npm run audit` reads both.
  login: async () => [],
  audit: async () => [],
} as const satisfies Record<IdKind, Find>;

/**
 * The objects of these ids, in their order; null for one that is malformed, does not exist or is another workspace's. One
 * query for each kind of object, however many ids there are.
 */
export async function findNodes(view: View, ids: readonly string[]): Promise<(FoundNode | null)[]> {
  const idsByKind = Object.groupBy(ids, (id) => kindOfId(id) ?? 'malformed');
  const kinds = Object.keys(findByKind) as IdKind[];
  const found = await Promise.all(
    kinds.map((kind) => {
      const wanted = idsByKind[kind];
      return wanted ? findByKind[kind](view, wanted) : [];
    }),
  );
  const nodes = new Map<string, FoundNode>(found.flat().map((node) => [node.id, node]));
  return ids.map((id) => nodes.get(id) ?? null);
}
