import DataLoader from 'dataloader';
import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Task, TaskEvent } from '../tasks/domain/task.ts';
import type { WebhookDelivery } from '../tasks/domain/webhook.ts';
import { type FoundNode, findNodes } from '../tasks/find-node.ts';
import { pageEventsOfTasks, pageTasksOfProjects, type TaskFilter } from '../tasks/store/view/task-queries.ts';
import type { View } from '../tasks/store/view/view.ts';
import { pageDeliveriesOfWebhooks } from '../tasks/store/view/webhook-queries.ts';

/** A page of a list that a parent has. */
export interface PageOf<Parent, Arguments> {
  readonly parent: Parent;
  readonly args: Arguments;
}

/** What many parents of one operation ask for at the same time is read in one statement. Nothing is cached. */
export interface Loaders {
  readonly nodes: DataLoader<string, FoundNode | null>;
  readonly taskEvents: DataLoader<PageOf<Task, PageArguments>, Page<TaskEvent>>;
  readonly projectTasks: DataLoader<PageOf<string, ProjectTasksArguments>, Page<Task>>;
  readonly webhookDeliveries: DataLoader<PageOf<string, PageArguments>, Page<WebhookDelivery>>;
}

export interface ProjectTasksArguments {
  readonly filter: TaskFilter;
  readonly page: PageArguments;
}

export function createLoaders(view: View): Loaders {
  // A mutation reads what it has just changed.
  const options = { cache: false };
  return {
    nodes: new DataLoader((ids) => findNodes(view, ids), options),
    taskEvents: new DataLoader(
      byArguments((tasks, page) => pageEventsOfTasks(view, tasks, page)),
      options,
    ),
    projectTasks: new DataLoader(
      byArguments((ids, { filter, page }) => pageTasksOfProjects(view, ids, filter, page)),
      options,
    ),
    webhookDeliveries: new DataLoader(
      byArguments((ids, page) => pageDeliveriesOfWebhooks(view, ids, page)),
      options,
    ),
  };
}

/** One read for all parents with the same arguments; another alias of the field may have others. */
function byArguments<Parent, Arguments, Result>(
  read: (parents: readonly Parent[], args: Arguments) => Promise<readonly Result[]>,
): (keys: readonly PageOf<Parent, Arguments>[]) => Promise<(Result | Error)[]> {
  return async (keys) => {
    const results = new Map<PageOf<Parent, Arguments>, Result | Error>();
    const groups = Map.groupBy(keys, ({ args }) => JSON.stringify(args));
    await Promise.all(
      groups.values().map(async (group) => {
        const [{ args }] = group as [PageOf<Parent, Arguments>];
        try {
          const found = await read(
            group.map(({ parent }) => parent),
            args,
          );
          for (const [index, key] of group.entries()) results.set(key, found[index] as Result);
        } catch (error) {
          for (const key of group) results.set(key, error as Error);
        }
      }),
    );
    return keys.map((key) => results.get(key) as Result | Error);
  };
}
