import type { EntityManager } from '@mikro-orm/postgresql';
import { InvalidInputError } from './errors.ts';
import { kindOfId } from './id.ts';
import { findEvent, findProject, findSession, findTask, type TaskSession, type Workspace } from './read.ts';
import type { Project, Task, TaskEvent } from './task.ts';

/** Anything that has an id. */
export type FoundNode = Task | TaskSession | TaskEvent | Project | Workspace;

export async function findNode(
  em: EntityManager,
  workspace: Workspace,
  id: string,
): Promise<FoundNode | null> {
  const kind = kindOfId(id);
  switch (kind) {
    case 'workspace':
      return id === workspace.id ? workspace : null;
    case 'project':
      return findProject(em, workspace.id, id);
    case 'task':
      return findTask(em, workspace.id, id);
    case 'session':
      return findSession(em, workspace.id, id);
    case 'event':
      return findEvent(em, workspace.id, id);
    case null:
      return null;
  }
}

const maxNodes = 100;

export async function findNodes(
  em: EntityManager,
  workspace: Workspace,
  ids: readonly string[],
): Promise<(FoundNode | null)[]> {
  if (ids.length > maxNodes) throw new InvalidInputError(`more than ${maxNodes} ids`, { field: 'ids' });
  // One after the other: one request shall not take all of the server's connections.
  const found: (FoundNode | null)[] = [];
  for (const id of ids) found.push(await findNode(em, workspace, id));
  return found;
}
