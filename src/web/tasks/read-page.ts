import { fromCombinedError, type TaskFilter, TaskSummariesDocument } from '../../client/client.ts';
import { groundcrew } from '../groundcrew.ts';
import type { Tasks } from './merge.ts';

export interface TaskPage {
  readonly tasks: Tasks;
  readonly cursor: string | null;
  readonly hasMore: boolean;
}

/** The `size` tasks after the cursor, newest first. Throws a GroundcrewError. */
export async function readPage(filter: TaskFilter, size: number, cursor: string | null): Promise<TaskPage> {
  const { data, error } = await groundcrew.urql
    .query(TaskSummariesDocument, { filter, first: size, after: cursor }, { requestPolicy: 'network-only' })
    .toPromise();
  if (error) throw fromCombinedError(error);
  const { nodes = [], pageInfo } = data?.tasks ?? {};
  return { tasks: nodes, cursor: pageInfo?.endCursor ?? cursor, hasMore: pageInfo?.hasNextPage ?? false };
}

/** Reads pages until there are `count` tasks, or no more. */
export async function readTo(filter: TaskFilter, count: number): Promise<TaskPage> {
  const maxPage = 100;
  let read: TaskPage = { tasks: [], cursor: null, hasMore: true };
  while (read.hasMore && read.tasks.length < count) {
    const page = await readPage(filter, Math.min(maxPage, count - read.tasks.length), read.cursor);
    read = { ...page, tasks: [...read.tasks, ...page.tasks] };
  }
  return read;
}
