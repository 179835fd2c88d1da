import type { Exchange } from '@urql/core';
import { type Cache, type CacheExchangeOpts, cacheExchange } from '@urql/exchange-graphcache';

/** For types without an id: Graphcache stores them within the object that contains them. */
const embedded = () => null;

/** How objects are told apart whose type has no id of its own. Graphcache warns of each type that is missing here. */
export const keysOfTypesWithoutId: NonNullable<CacheExchangeOpts['keys']> = {
  PageInfo: embedded,
  TaskConnection: embedded,
  TaskEdge: embedded,
  TaskEventConnection: embedded,
  TaskEventEdge: embedded,
  ProjectConnection: embedded,
  ProjectEdge: embedded,
  ProvisionStep: embedded,
  TaskError: embedded,
  TranscriptItemConnection: embedded,
  TranscriptItemEdge: embedded,
  TranscriptUpdate: embedded,
  TextAppend: embedded,
  FileLocation: embedded,
  FileChange: embedded,
  PlanEntry: embedded,
  AgentRequestConnection: embedded,
  AgentRequestEdge: embedded,
  ApiTokenConnection: embedded,
  ApiTokenEdge: embedded,
  CreatedToken: embedded,
  WebhookConnection: embedded,
  WebhookEdge: embedded,
  WebhookDeliveryConnection: embedded,
  WebhookDeliveryEdge: embedded,
  WebhookSecret: embedded,
  Viewer: embedded,
  RateLimit: embedded,
  Provider: ({ name }) => name as string,
};

/** Graphcache with the keys of this API, so that a subscription updates every query that contains the same object. */
export function groundcrewCache(): Exchange {
  const options: CacheExchangeOpts = {
    keys: {
      ...keysOfTypesWithoutId,
      // Their ids are of the provider and of the agent: not unique.
      Sandbox: embedded,
      AgentRequestOption: embedded,
    },
    resolvers: {
      Query: {
        // A task that any operation has returned is found without a request, for instance the one that was just created.
        task: (_parent, args, cache) => {
          const id = args.id as string;
          const task = { __typename: 'Task', id };
          // Undefined makes a request. Null is what an earlier one has answered.
          return cache.resolve(task, 'id') == null ? (cache.resolve('Query', 'task', { id }) as null) : task;
        },
      },
    },
    updates: {
      Mutation: {
        createTask: (_result, _args, cache) => invalidateTaskLists(cache),
      },
      Subscription: {
        // Only the server knows in which lists a new task belongs, and at which place.
        tasksUpdated: (result, _args, cache) => {
          const { revision } = (result.tasksUpdated ?? {}) as { revision?: unknown };
          if (revision === undefined || revision === 1) invalidateTaskLists(cache);
        },
      },
    },
  };
  return cacheExchange(options);
}

function invalidateTaskLists(cache: Cache): void {
  for (const { fieldName, arguments: args } of cache.inspectFields('Query')) {
    if (fieldName === 'tasks') cache.invalidate('Query', fieldName, args);
  }
}
