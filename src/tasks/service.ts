import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { archiveTask, cancelTask, retryTask } from './actions.ts';
import { createSession } from './create-session.ts';
import { createTask, type Offer } from './create-task.ts';
import { type FoundNode, findNode, findNodes } from './find-node.ts';
import type { CreateSessionInput, CreateTaskInput } from './input.ts';
import type { Page, PageArguments } from './page.ts';
import {
  findTask,
  pageEvents,
  pageProjects,
  pageTasks,
  type TaskFilter,
  type TaskSession,
  type Workspace,
} from './read.ts';
import type { Project, Task, TaskEvent } from './task.ts';

/** All that may be asked of the tasks of a workspace. Each call reads afresh: nothing is kept from one to the next. */
export interface Tasks {
  create(workspaceId: string, input: CreateTaskInput): Promise<Task>;
  retry(workspaceId: string, id: string): Promise<Task>;
  cancel(workspaceId: string, id: string): Promise<Task>;
  archive(workspaceId: string, id: string): Promise<Task>;
  createSession(workspaceId: string, input: CreateSessionInput): Promise<TaskSession>;
  find(workspaceId: string, id: string): Promise<Task | null>;
  /** Any object by its id. Null: there is none, or it is another workspace's. */
  findNode(workspace: Workspace, id: string): Promise<FoundNode | null>;
  /** Up to a hundred at once, in their order. */
  findNodes(workspace: Workspace, ids: readonly string[]): Promise<(FoundNode | null)[]>;
  page(workspaceId: string, filter: TaskFilter, page: PageArguments): Promise<Page<Task>>;
  pageOfProject(
    workspaceId: string,
    projectId: string,
    filter: TaskFilter,
    page: PageArguments,
  ): Promise<Page<Task>>;
  pageProjects(workspaceId: string, page: PageArguments): Promise<Page<Project>>;
  pageEvents(task: Task, page: PageArguments): Promise<Page<TaskEvent>>;
  readonly providers: Offer['providers'];
}

export function createTasks(orm: MikroORM, offer: Offer): Tasks {
  const em = () => orm.em.fork() as EntityManager;
  return {
    create: (workspaceId, input) => createTask(em(), workspaceId, offer, input),
    retry: (workspaceId, id) => retryTask(em(), workspaceId, id),
    cancel: (workspaceId, id) => cancelTask(em(), workspaceId, id),
    archive: (workspaceId, id) => archiveTask(em(), workspaceId, id),
    createSession: (workspaceId, input) => createSession(em(), workspaceId, input),
    find: (workspaceId, id) => findTask(em(), workspaceId, id),
    findNode: (workspace, id) => findNode(em(), workspace, id),
    findNodes: (workspace, ids) => findNodes(em(), workspace, ids),
    page: (workspaceId, filter, page) => pageTasks(em(), workspaceId, filter, page),
    pageOfProject: (workspaceId, projectId, filter, page) =>
      filter.projectId != null && filter.projectId !== projectId
        ? pageTasks(em(), workspaceId, { ...filter, projectId: '' }, page)
        : pageTasks(em(), workspaceId, { ...filter, projectId }, page),
    pageProjects: (workspaceId, page) => pageProjects(em(), workspaceId, page),
    pageEvents: (task, page) => pageEvents(em(), task, page),
    providers: offer.providers,
  };
}
