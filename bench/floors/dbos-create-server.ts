// The same server as yoga-create-server.ts, with DBOS's queue in place of Graphile Worker's. The work is added in the transaction
// that writes the task, by the SQL function that DBOS installs for this: `enqueueInTransaction` of its client would take three more
// messages to PostgreSQL and back (begin, task, workflow, commit). DBOS itself runs in the workers only, of which there are none here.
import { createServer } from 'node:http';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { createSchema, createYoga } from 'graphql-yoga';
import { createResolvers, queues, typeDefs } from './create-task.ts';
import { serve } from './serve.ts';

const [, , databaseUrl = '', workspaceId = ''] = process.argv;
// Makes its tables and functions.
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: databaseUrl, logLevel: 'error', runAdminServer: false });
await DBOS.launch();
await DBOS.shutdown();
const resolvers = createResolvers(databaseUrl, workspaceId, queues.dbos);
serve(createServer(createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false })));
