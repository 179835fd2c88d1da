import type { Database } from '../tables/database.ts';
import { InvalidInputError } from './domain/errors.ts';
import { kindOfId } from './domain/id.ts';
import type { Project, Task, TaskEvent } from './domain/task.ts';
import {
  findEvent,
  findProject,
  findSession,
  findTask,
  type TaskSession,
  type Workspace,
} from './store/task-queries.ts';

/** Anything that has an id. */
export type FoundNode = Task | TaskSession | TaskEvent | Project | Workspace;

export async function findNode(db: Database, workspace: Workspace, id: string): Promise<FoundNode | null> {
  const kind = kindOfId(id);
  switch (kind) {
    case 'workspace':
      return id === workspace.id ? workspace : null;
    case 'project':
      return findProject(db, workspace.id, id);
    case 'task':
      return findTask(db, workspace.id, id);
    case 'session':
      return findSession(db, workspace.id, id);
    case 'event':
      return findEvent(db, workspace.id, id);
    case null:
      return null;
  }
}

const maxNodes = 100;

export async function findNodes(
  db: Database,
  workspace: Workspace,
  ids: readonly string[],
): Promise<(FoundNode | null)[]> {
  if (ids.length > maxNodes) throw new InvalidInputError(`more than ${maxNodes} ids`, { field: 'ids' });
  // One after the other: one request shall not take all of the server's connections.
  const found: (FoundNode | null)[] = [];
  for (const id of ids) found.push(await findNode(db, workspace, id));
  return found;
}
