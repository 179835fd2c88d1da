import type { TaskFilter, TaskSummaryFragment } from '../../client/client.ts';

export type TaskSummary = TaskSummaryFragment;
export type Tasks = readonly TaskSummary[];

/** All tasks of both lists, newest first, each in its newest revision. */
export function merge(tasks: Tasks, others: Tasks): Tasks {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  for (const task of others) {
    const known = byId.get(task.id);
    if (!known || known.revision < task.revision) byId.set(task.id, task);
  }
  // Ids sort by the time of their creation.
  return [...byId.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

/** The list with the task in its place, if the list has it and the task is newer. Otherwise the same list. */
export function replace(tasks: Tasks, task: TaskSummary): Tasks {
  const index = tasks.findIndex(({ id }) => id === task.id);
  const known = tasks[index];
  return known && known.revision < task.revision ? tasks.with(index, task) : tasks;
}

/** The list without the task. The same list when it does not have it. */
export function without(tasks: Tasks, id: string): Tasks {
  return tasks.some((task) => task.id === id) ? tasks.filter((task) => task.id !== id) : tasks;
}

/** Whether a task belongs in a list. Words of a search count as found: only the server knows. */
export function matches(task: TaskSummary, { status, projectId }: TaskFilter): boolean {
  return (!status || status.includes(task.status)) && (!projectId || task.project.id === projectId);
}
