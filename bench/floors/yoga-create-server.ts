// The usual way to create a task: Yoga's schema, a pool of pg, one statement, and a job of Graphile Worker.
import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { createResolvers, queues, typeDefs } from './create-task.ts';
import { serve } from './serve.ts';

const [, , databaseUrl = '', workspaceId = ''] = process.argv;
const resolvers = createResolvers(databaseUrl, workspaceId, queues.graphileWorker);
serve(createServer(createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false })));
