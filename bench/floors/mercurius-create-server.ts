// The same job as in yoga-create-server.ts on Fastify and Mercurius, which compiles each document (`jit`) after its first run.
import './graphql-16.ts';
import { fastify } from 'fastify';
import { createResolvers, queues, typeDefs } from './create-task.ts';

const { mercurius } = await import('mercurius');
const [, , databaseUrl = '', workspaceId = ''] = process.argv;
const app = fastify();
const resolvers = createResolvers(databaseUrl, workspaceId, queues.graphileWorker);
await app.register(mercurius, { schema: typeDefs, resolvers, jit: 1 });
process.on('SIGTERM', () => process.exit(0));
console.log(`ready on ${await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 })}`);
