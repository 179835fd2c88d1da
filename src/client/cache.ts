import type { Exchange } from '@urql/core';
import { type Cache, type CacheExchangeOpts, cacheExchange } from '@urql/exchange-graphcache';

/** For types without an id: Graphcache stores them within the object that contains them. */
const embedded = () => null;

/** Graphcache with the keys of this API, so that a subscription updates every query that contains the same object. */
export function groundcrewCache(): Exchange {
  const options: CacheExchangeOpts = {
    keys: {
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
      AgentRequestOption: embedded,
      Sandbox: embedded,
      Viewer: embedded,
      Provider: ({ name }) => name as string,
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
