import DataLoader from 'dataloader';
import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { Task, TaskEvent } from '../tasks/domain/task.ts';
import type { TranscriptItem } from '../tasks/domain/transcript/item.ts';
import type { Prompt } from '../tasks/domain/transcript/prompt.ts';
import type { AgentRequest } from '../tasks/domain/transcript/request.ts';
import type { WebhookDelivery } from '../tasks/domain/webhook.ts';
import { type FoundNode, findNodes } from '../tasks/find-node.ts';
import {
  openPromptsOfSessions,
  openRequestsOfSessions,
  undeliveredPromptsOfSessions,
} from '../tasks/store/view/prompt-queries.ts';
import { pageEventsOfTasks, pageTasksOfProjects, type TaskFilter } from '../tasks/store/view/task-queries.ts';
import {
  findItemsAt,
  findSequences,
  type ItemPlace,
  pageItemsOfSessions,
} from '../tasks/store/view/transcript-queries.ts';
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
  /** Pages of transcripts, or, without arguments, the numbers of their last changes; all of one moment. */
  readonly transcripts: DataLoader<TranscriptKey, Page<TranscriptItem> | number>;
  readonly itemsAt: DataLoader<ItemPlace, TranscriptItem | null>;
  readonly openPrompts: DataLoader<string, Prompt[]>;
  readonly undeliveredPrompts: DataLoader<string, Prompt[]>;
  readonly openRequests: DataLoader<string, AgentRequest[]>;
  readonly projectTasks: DataLoader<PageOf<string, ProjectTasksArguments>, Page<Task>>;
  readonly webhookDeliveries: DataLoader<PageOf<string, PageArguments>, Page<WebhookDelivery>>;
}

export interface ProjectTasksArguments {
  readonly filter: TaskFilter;
  readonly page: PageArguments;
}

export interface TranscriptKey {
  readonly sessionId: string;
  /** Null asks for the number of the last change. */
  readonly page: PageArguments | null;
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
    transcripts: new DataLoader((keys) => loadTranscripts(view, keys), options),
    itemsAt: new DataLoader((places) => findItemsAt(view, places), options),
    openPrompts: new DataLoader((ids) => openPromptsOfSessions(view, ids), options),
    undeliveredPrompts: new DataLoader((ids) => undeliveredPromptsOfSessions(view, ids), options),
    openRequests: new DataLoader((ids) => openRequestsOfSessions(view, ids), options),
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

/** In one snapshot, because a number and the items that it is of belong together. */
async function loadTranscripts(
  view: View,
  keys: readonly TranscriptKey[],
): Promise<(Page<TranscriptItem> | number | Error)[]> {
  const load = (of: View) => {
    const pages = new DataLoader(
      byArguments((ids: readonly string[], page: PageArguments) => pageItemsOfSessions(of, ids, page)),
      { cache: false },
    );
    const sequences = new DataLoader((ids: readonly string[]) => findSequences(of, ids), { cache: false });
    return Promise.all(
      keys.map(
        ({ sessionId, page }): Promise<Page<TranscriptItem> | number | Error> =>
          (page ? pages.load({ parent: sessionId, args: page }) : sequences.load(sessionId)).catch(
            (error: Error) => error,
          ),
      ),
    );
  };
  return keys.length > 1 ? view.atOneMoment(load) : load(view);
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
