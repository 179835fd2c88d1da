import type { Exchange } from '@urql/core';
import { type Cache, type CacheExchangeOpts, cacheExchange } from '@urql/exchange-graphcache';

/** Parts of another object: kept within it, not under a key of their own. */
const embedded = () => null;

/** Graphcache, keyed for this API: what a subscription brings shows in every query that holds the same object. */
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
      Sandbox: embedded,
      Viewer: embedded,
      Provider: ({ name }) => name as string,
    },
    updates: {
      Mutation: {
        createTask: (_result, _args, cache) => forgetTaskLists(cache),
      },
      Subscription: {
        // Whether a task belongs in a list, and where, is for the server to say.
        tasksUpdated: (result, _args, cache) => {
          const { revision } = (result.tasksUpdated ?? {}) as { revision?: unknown };
          if (revision === undefined || revision === 1) forgetTaskLists(cache);
        },
      },
    },
  };
  return cacheExchange(options);
}

function forgetTaskLists(cache: Cache): void {
  for (const { fieldName, arguments: args } of cache.inspectFields('Query')) {
    if (fieldName === 'tasks') cache.invalidate('Query', fieldName, args);
  }
}
