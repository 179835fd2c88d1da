// The server of yoga-server.ts on DBOS: each task is a workflow, its revisions are a stream of it, and each subscriber reads that
// stream. In DBOS only a running workflow writes a stream, and wakes the readers up to 10 ms later; here the load writes the row and
// the notification that DBOS would, in the statement that writes the revision, which is the faster way.
import { createServer } from 'node:http';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { useServer } from 'graphql-ws/use/ws';
import { createSchema, createYoga } from 'graphql-yoga';
import { Pool } from 'pg';
import { WebSocketServer } from 'ws';
import { revisionsStream, taskOfRow, workflowOfRow } from '../watched-task.ts';
import { serve } from './serve.ts';
import { keepAliveMs, typeDefs, type WatchedTask } from './watch-task.ts';

const [, , databaseUrl = ''] = process.argv;
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: databaseUrl, logLevel: 'error', runAdminServer: false });
await DBOS.launch();
const pool = new Pool({ connectionString: databaseUrl, max: 10 });
// One for each task, and none is ever run: no queue of that name is registered.
await pool.query(
  `select dbos.enqueue_workflow('provisionTask', 'provision', workflow_id => ${workflowOfRow}) from task`,
);
const resolvers = {
  Subscription: {
    taskUpdated: {
      async *subscribe(_: unknown, { id }: { id: string }) {
        const { rows } = await pool.query<{ task: WatchedTask; workflow: string; written: number }>(
          `select ${taskOfRow} as task, ${workflowOfRow} as workflow, (
             select count(*)::int from dbos.streams where workflow_uuid = ${workflowOfRow} and key = $2
           ) as written from task where id = $1`,
          [id, revisionsStream],
        );
        const [row] = rows;
        if (!row) return;
        yield row.task;
        yield* DBOS.readStream<WatchedTask>(row.workflow, revisionsStream, { offset: row.written });
      },
      resolve: (task: WatchedTask) => task,
    },
  },
};

const schema = createSchema({ typeDefs, resolvers });
const server = createServer(createYoga({ schema, logging: false }));
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }), keepAliveMs);
serve(server);
