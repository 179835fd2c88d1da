// The usual way: Yoga's schema and PubSub, and graphql-ws as its documentation sets it up. Each revision is read once,
// and then executed and serialized for each subscriber.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub, createSchema, createYoga } from 'graphql-yoga';
import { Pool } from 'pg';
import { WebSocketServer } from 'ws';
import { listen } from './listen.ts';

const [, , databaseUrl = ''] = process.argv;
const pool = new Pool({ connectionString: databaseUrl, max: 10 });
const pubSub = createPubSub<Record<string, [task: unknown]>>();

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    type Query { ok: Boolean }
    type Subscription { taskUpdated(id: ID!): Task! }
    type Task {
      id: ID! revision: Int! status: String! title: String branchName: String updatedAt: String!
      steps: [Step!]! sandbox: Sandbox sessions: [Session!]!
    }
    type Step { name: String! state: String! attempt: Int! startedAt: String finishedAt: String }
    type Sandbox { id: String! cwd: String }
    type Session { id: ID! status: String! agent: String! }
  `,
  resolvers: {
    Subscription: {
      taskUpdated: {
        async *subscribe(_: unknown, { id }: { id: string }) {
          const changes = pubSub.subscribe(id);
          yield await readTask(id);
          yield* changes;
        },
        resolve: (task: unknown) => task,
      },
    },
  },
});

const yoga = createYoga({ schema, logging: false });
const server = createServer(yoga);
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }));
await listen(databaseUrl, async (taskId, revision) =>
  pubSub.publish(taskId, await readRevision(taskId, revision)),
);
process.on('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', 4096, () => {
  console.log(`ready on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

function readTask(id: string): Promise<unknown> {
  return read('select id, revision, updated_at, state from task where id = $1', [id]);
}

function readRevision(id: string, revision: number): Promise<unknown> {
  return read(
    `select task_id as id, revision, at as updated_at, state from task_event where task_id = $1 and revision = $2`,
    [id, revision],
  );
}

async function read(sql: string, params: unknown[]): Promise<unknown> {
  const { rows } = await pool.query(sql, params);
  const [row] = rows;
  return { ...row.state, id: row.id, revision: row.revision, updatedAt: row.updated_at.toISOString() };
}
