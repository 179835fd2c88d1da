import { node } from '../resolvers/node.ts';
import { nodes } from '../resolvers/nodes.ts';
import { projects } from '../resolvers/projects.ts';
import { providers } from '../resolvers/providers.ts';
import { task } from '../resolvers/task.ts';
import { tasks } from '../resolvers/tasks.ts';
import { viewer } from '../resolvers/viewer.ts';
import { builder } from './builder.ts';
import { connectionCost, pageArgs } from './connection.ts';
import { Node } from './node.ts';
import { ProjectConnection, TaskConnection, TaskFilterInput, TaskRef } from './task.ts';
import { ProviderRef, ViewerRef } from './workspace.ts';

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'The object of this id; null when there is none.',
    args: { id: t.arg.id({ required: true, description: "Any object's id." }) },
    resolve: (_, { id }, context) => node(id, context),
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description: 'The objects of these ids, in their order; null where there is none. Up to 100.',
    args: { ids: t.arg.idList({ required: true, description: "Any objects' ids." }) },
    complexity: ({ ids }) => ({ field: 1, multiplier: ids.length }),
    resolve: (_, { ids }, context) => nodes(ids, context),
  }),
  viewer: t.field({
    type: ViewerRef,
    description: 'Who the request is made as.',
    resolve: (_, _args, context) => viewer(context),
  }),
  task: t.field({
    type: TaskRef,
    nullable: true,
    description:
      "Null when there is no such task, or when it is another workspace's: the two cannot be told apart.",
    args: { id: t.arg.id({ required: true, description: "The task's id." }) },
    resolve: (_, { id }, context) => task(id, context),
  }),
  tasks: t.field({
    type: TaskConnection,
    description: 'Newest first. `first` and `last` go up to 100, and default to 50.',
    args: { ...pageArgs, filter: t.arg({ type: TaskFilterInput, description: 'Which of them.' }) },
    ...connectionCost,
    resolve: (_, { filter, ...page }, context) => tasks(filter ?? {}, page, context),
  }),
  projects: t.field({
    type: ProjectConnection,
    description: 'Newest first. `first` and `last` go up to 100, and default to 50.',
    args: pageArgs,
    ...connectionCost,
    resolve: (_, page, context) => projects(page, context),
  }),
  providers: t.field({
    type: [ProviderRef],
    description: 'The sandbox providers that this server is configured with; the first is the default.',
    resolve: (_, _args, context) => providers(context),
  }),
}));
