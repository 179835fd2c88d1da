// What the servers of `realtime` have in common: the schema, and how a subscriber gets the task as it is.
import { Pool } from 'pg';
import { taskOfRow } from '../watched-task.ts';

export const typeDefs = /* GraphQL */ `
  type Query { ok: Boolean }
  type Subscription { taskUpdated(id: ID!): Task! }
  type Task {
    id: ID! revision: Int! status: String! title: String branchName: String updatedAt: String!
    steps: [Step!]! sandbox: Sandbox sessions: [Session!]!
  }
  type Step { name: String! state: String! attempt: Int! startedAt: String finishedAt: String }
  type Sandbox { id: String! cwd: String }
  type Session { id: ID! status: String! agent: String! }
`;

/** Of graphql-ws, whose own 12 s cut clients that have answered while thousands connect: their answers wait behind that work. */
export const keepAliveMs = 60_000;

export interface WatchedTask {
  readonly id: string;
}

export class Tasks {
  readonly #pool: Pool;

  constructor(databaseUrl: string) {
    this.#pool = new Pool({ connectionString: databaseUrl, max: 10 });
  }

  async read(id: string): Promise<WatchedTask> {
    const { rows } = await this.#pool.query<{ task: WatchedTask }>(
      `select ${taskOfRow} as task from task where id = $1`,
      [id],
    );
    return rows[0]?.task as WatchedTask;
  }
}
