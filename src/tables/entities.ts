import { defineEntity, p } from '@mikro-orm/core';
import type { StepName, TaskStatus } from '../tasks/domain/status.ts';
import type { TaskFailure, TaskState } from '../tasks/domain/task.ts';
import type { TaskEventKind } from '../tasks/domain/task-machine.ts';

// The tables as MikroORM reads them. What is written to a task goes through `store.ts` and `create-task.ts` alone.

const timestamp = () => p.datetime(3);

export const WorkspaceEntity = defineEntity({
  name: 'Workspace',
  tableName: 'workspace',
  properties: {
    id: p.text().primary().collation('C'),
    name: p.text(),
    createdAt: timestamp(),
  },
});

export const ProjectEntity = defineEntity({
  name: 'Project',
  tableName: 'project',
  uniques: [{ properties: ['workspace', 'repoUrl'] }],
  properties: {
    id: p.text().primary().collation('C'),
    workspace: () => p.manyToOne(WorkspaceEntity).mapToPk(),
    /** The one spelling that all spellings of the same repository come to. */
    repoUrl: p.text(),
    name: p.text(),
    createdAt: timestamp(),
  },
});

export const TaskEntity = defineEntity({
  name: 'Task',
  tableName: 'task',
  indexes: [
    { properties: ['workspace', 'id'] },
    { properties: ['workspace', 'status', 'id'] },
    { properties: ['project', 'id'] },
  ],
  properties: {
    id: p.text().primary().collation('C'),
    workspace: () => p.manyToOne(WorkspaceEntity).mapToPk(),
    project: () => p.manyToOne(ProjectEntity),
    /** As the client spelled it: what git is asked for. */
    repoUrl: p.text(),
    prompt: p.text(),
    provider: p.text(),
    agent: p.text(),
    baseRef: p.text().nullable(),
    revision: p.integer(),
    status: p.text().$type<TaskStatus>(),
    state: p.json<TaskState>(),
    createdAt: timestamp(),
    updatedAt: timestamp(),
    /** When a worker has to look at the task; null: never, unless something is asked of it. */
    wakeAt: timestamp().nullable(),
    /** The worker that holds the task. */
    leasedBy: p.text().nullable(),
    /** One more each time that the task is taken or given up: fences off whoever held it before. */
    epoch: p.integer(),
    /** What a provider needs to find the sandbox and its agent again. Never leaves the worker. */
    endpoint: p.json<unknown>().nullable().lazy(),
    sandboxMetadata: p.json<Record<string, unknown>>().nullable().lazy(),
  },
});

export const TaskEventEntity = defineEntity({
  name: 'TaskEvent',
  tableName: 'task_event',
  uniques: [{ properties: ['task', 'revision'] }],
  properties: {
    id: p.text().primary().collation('C'),
    task: () => p.manyToOne(TaskEntity),
    revision: p.integer(),
    kind: p.text().$type<TaskEventKind>(),
    status: p.text().$type<TaskStatus>(),
    step: p.text().$type<StepName>().nullable(),
    error: p.json<TaskFailure>().nullable(),
    state: p.json<TaskState>(),
    at: timestamp(),
  },
});

export const entities = [WorkspaceEntity, ProjectEntity, TaskEntity, TaskEventEntity] as const;
