// The usual way: Yoga's schema and PubSub, and graphql-ws as its documentation sets it up. A notification carries each revision, so
// that nothing is read; it is executed and serialized for each subscriber. A notification that is lost is a revision that is lost.
import { createServer } from 'node:http';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub, createSchema, createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import { listen } from './listen.ts';
import { serve } from './serve.ts';
import { keepAliveMs, Tasks, typeDefs, type WatchedTask } from './watch-task.ts';

const [, , databaseUrl = ''] = process.argv;
const tasks = new Tasks(databaseUrl);
const pubSub = createPubSub<Record<string, [task: WatchedTask]>>();
const resolvers = {
  Subscription: {
    taskUpdated: {
      async *subscribe(_: unknown, { id }: { id: string }) {
        const changes = pubSub.subscribe(id);
        yield await tasks.read(id);
        yield* changes;
      },
      resolve: (task: WatchedTask) => task,
    },
  },
};

const schema = createSchema({ typeDefs, resolvers });
const server = createServer(createYoga({ schema, logging: false }));
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }), keepAliveMs);
await listen(databaseUrl, 'bench_task', (payload) => {
  const task = JSON.parse(payload) as WatchedTask;
  pubSub.publish(task.id, task);
});
serve(server);
