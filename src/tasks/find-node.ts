import type { Database } from '../tables/database.ts';
import { type IdKind, kindOfId } from './domain/id.ts';
import type { Project, Task, TaskEvent } from './domain/task.ts';
import type { TaskSession } from './domain/task-session.ts';
import { findEvents, findProjects, findSessions, findTasks, type Workspace } from './store/task-queries.ts';

/** Anything that has an id. */
export type FoundNode = Task | TaskSession | TaskEvent | Project | Workspace;

type Find = (db: Database, workspace: Workspace, ids: readonly string[]) => Promise<readonly FoundNode[]>;

const findByKind = {
  workspace: async (_db, workspace) => [workspace],
  project: (db, workspace, ids) => findProjects(db, workspace.id, ids),
  task: (db, workspace, ids) => findTasks(db, workspace.id, ids),
  session: (db, workspace, ids) => findSessions(db, workspace.id, ids),
  event: (db, workspace, ids) => findEvents(db, workspace.id, ids),
} as const satisfies Record<IdKind, Find>;

/**
 * The objects of these ids, in their order; null for one that is malformed, does not exist or is another workspace's. One
 * query for each kind of object, however many ids there are.
 */
export async function findNodes(
  db: Database,
  workspace: Workspace,
  ids: readonly string[],
): Promise<(FoundNode | null)[]> {
  const idsByKind = Object.groupBy(ids, (id) => kindOfId(id) ?? 'malformed');
  const kinds = Object.keys(findByKind) as IdKind[];
  const found = await Promise.all(
    kinds.map((kind) => {
      const wanted = idsByKind[kind];
      return wanted ? findByKind[kind](db, workspace, wanted) : [];
    }),
  );
  const nodes = new Map<string, FoundNode>(found.flat().map((node) => [node.id, node]));
  return ids.map((id) => nodes.get(id) ?? null);
}
