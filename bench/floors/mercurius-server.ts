// The same job as in yoga-server.ts on Fastify and Mercurius, with its own subscriptions and PubSub, and its JIT on.
import './graphql-16.ts';
import { fastify } from 'fastify';
import type { PubSub } from 'mercurius';
import { listen } from './listen.ts';
import { Tasks, typeDefs, type WatchedTask } from './watch-task.ts';

const { mercurius } = await import('mercurius');
const [, , databaseUrl = ''] = process.argv;
const tasks = new Tasks(databaseUrl);
const app = fastify();
const resolvers = {
  Subscription: {
    taskUpdated: {
      async *subscribe(_: unknown, { id }: { id: string }, { pubsub }: { pubsub: PubSub }) {
        const changes = (await pubsub.subscribe(id)) as AsyncIterable<{ taskUpdated: WatchedTask }>;
        yield { taskUpdated: await tasks.read(id) };
        yield* changes;
      },
    },
  },
};
await app.register(mercurius, { schema: typeDefs, resolvers, jit: 1, subscription: true });
await app.ready();
await listen(databaseUrl, 'bench_task', (payload) => {
  const task = JSON.parse(payload) as WatchedTask;
  app.graphql.pubsub.publish({ topic: task.id, payload: { taskUpdated: task } });
});
process.on('SIGTERM', () => process.exit(0));
console.log(`ready on ${await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 })}`);
