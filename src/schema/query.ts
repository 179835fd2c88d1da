import { agentRequests } from '../resolvers/agent-requests.ts';
import { apiTokens } from '../resolvers/api-tokens.ts';
import { node } from '../resolvers/node.ts';
import { nodes } from '../resolvers/nodes.ts';
import { projects } from '../resolvers/projects.ts';
import { providers } from '../resolvers/providers.ts';
import { rateLimit } from '../resolvers/rate-limit.ts';
import { task } from '../resolvers/task.ts';
import { tasks } from '../resolvers/tasks.ts';
import { viewer } from '../resolvers/viewer.ts';
import { webhooks } from '../resolvers/webhooks.ts';
import { AgentRequestConnection, RequestStateEnum } from './agent-request.ts';
import { ApiTokenConnection } from './api-token.ts';
import { builder } from './builder.ts';
import { connectionCost, pageArgs } from './connection.ts';
import { Node } from './node.ts';
import { ProjectConnection } from './project.ts';
import { ProviderRef } from './provider.ts';
import { RateLimitRef } from './rate-limit.ts';
import { TaskRef } from './refs.ts';
import { TaskConnection } from './task.ts';
import { TaskFilterInput } from './task-filter.ts';
import { ViewerRef } from './viewer.ts';
import { WebhookConnection } from './webhook.ts';

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'The object with this id. Null when it does not exist or belongs to another workspace.',
    args: { id: t.arg.id({ required: true, description: 'The id of any object.' }) },
    resolve: (_, { id }, context) => node(id, context),
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description:
      'The objects with these ids, in the same order, with null for each that `node` does not find. At most 100.',
    args: { ids: t.arg.idList({ required: true, description: 'The ids of any objects.' }) },
    complexity: ({ ids }) => ({ field: 1, multiplier: ids.length }),
    resolve: (_, { ids }, context) => nodes(ids, context),
  }),
  viewer: t.field({
    type: ViewerRef,
    description: 'The owner of the token that authenticates the request.',
    resolve: (_, _args, context) => viewer(context) as never,
  }),
  task: t.field({
    type: TaskRef,
    nullable: true,
    description: 'The task with this id. Null when it does not exist or belongs to another workspace.',
    args: { id: t.arg.id({ required: true, description: 'The id of the task.' }) },
    resolve: (_, { id }, context) => task(id, context),
  }),
  tasks: t.field({
    type: TaskConnection,
    description:
      'The tasks of the workspace, newest first. `first` and `last` are at most 100; the default is 50.',
    args: { ...pageArgs, filter: t.arg({ type: TaskFilterInput, description: 'Which tasks to return.' }) },
    ...connectionCost,
    resolve: (_, { filter, ...page }, context) => tasks(filter ?? {}, page, context),
  }),
  projects: t.field({
    type: ProjectConnection,
    description:
      'The projects of the workspace, newest first. `first` and `last` are at most 100; the default is 50.',
    args: pageArgs,
    ...connectionCost,
    resolve: (_, page, context) => projects(page, context),
  }),
  providers: t.field({
    type: [ProviderRef],
    description: 'The sandbox providers that this server is configured with. The first one is the default.',
    resolve: (_, _args, context) => providers(context),
  }),
  rateLimit: t.field({
    type: RateLimitRef,
    description: "What the viewer's requests count against. Asking for it alone costs nothing.",
    resolve: (_, _args, context) => rateLimit(context),
  }),
  agentRequests: t.field({
    type: AgentRequestConnection,
    description:
      'What agents of the workspace wait for, oldest first: an inbox. Only OPEN ones unless `state` says otherwise; null shows all.\n`first` and `last` are at most 100; the default is 50.',
    args: {
      ...pageArgs,
      state: t.arg({
        type: RequestStateEnum,
        defaultValue: 'open' as const,
        description: 'Which requests to return.',
      }),
    },
    ...connectionCost,
    resolve: (_, { state, ...page }, context) => agentRequests(state ?? null, page, context),
  }),
  apiTokens: t.field({
    type: ApiTokenConnection,
    authScopes: { ADMIN: true },
    description:
      'The tokens of the workspace, newest first, revoked ones included. `first` and `last` are at most 100; the default is 50. Needs\nthe scope ADMIN.',
    args: pageArgs,
    ...connectionCost,
    resolve: (_, page, context) => apiTokens(page, context),
  }),
  webhooks: t.field({
    type: WebhookConnection,
    authScopes: { ADMIN: true },
    description:
      'The webhooks of the workspace, newest first. `first` and `last` are at most 100; the default is 50. Needs the scope ADMIN.',
    args: pageArgs,
    ...connectionCost,
    resolve: (_, page, context) => webhooks(page, context),
  }),
}));
