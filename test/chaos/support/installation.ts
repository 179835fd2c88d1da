import { Pool, type QueryResultRow } from 'pg';
import { sandboxKey } from '../../../src/tasks/domain/external-keys.ts';
import { createTestDatabase } from '../../support/database.ts';
import { fetchGraphql, type GraphqlResponse } from '../../support/fetch-graphql.ts';
import { type ApiProcess, GroundcrewProcesses, type Settings } from '../../support/groundcrew-processes.ts';
import { OwnTime } from '../../support/own-time.ts';
import type { StartedProcess } from '../../support/processes.ts';
import { type ScriptedProvider, startScriptedProvider } from '../../support/scripted-provider.ts';
import { waitFor } from '../../support/wait-for.ts';
import { createRepositories, type Repositories } from './repositories.ts';

export interface TaskRow {
  readonly id: string;
  readonly key: string;
  /** In lower case, as it is stored. */
  readonly status: string;
  readonly revision: number;
  readonly state: {
    readonly error: { code: string; message: string } | null;
    readonly steps: readonly { name: string; state: string; attempt: number; failures: number }[];
    readonly sessions: readonly { id: string; status: string }[];
  };
}

const isSettled = `status in ('running', 'error', 'canceled', 'archived')`;

interface InstallationParts {
  readonly databaseUrl: string;
  readonly provider: ScriptedProvider;
  readonly repositories: Repositories;
  readonly processes: GroundcrewProcesses;
  readonly pool: Pool;
}

/** API servers and workers as real processes on one database, with a provider and repositories that the test controls. */
export class Installation implements AsyncDisposable {
  readonly databaseUrl: string;
  readonly provider: ScriptedProvider;
  readonly repositories: Repositories;
  readonly processes: GroundcrewProcesses;
  readonly pool: Pool;
  /** Of the API that was started last. */
  apiUrl = '';
  readonly #ownTime = new OwnTime(() => this.processes.started.map(({ pid }) => pid));
  readonly #resources: AsyncDisposableStack;

  constructor(parts: InstallationParts, resources: AsyncDisposableStack) {
    this.databaseUrl = parts.databaseUrl;
    this.provider = parts.provider;
    this.repositories = parts.repositories;
    this.processes = parts.processes;
    this.pool = parts.pool;
    this.#resources = resources;
  }

  /** Milliseconds of the own time of the tests and of all processes that were started. */
  now(): number {
    return this.#ownTime.now();
  }

  startWorker(settings?: Settings): Promise<StartedProcess> {
    return this.processes.startWorker(settings);
  }

  async startApi(settings?: Settings): Promise<ApiProcess> {
    const api = await this.processes.startApi(settings);
    this.apiUrl = api.url;
    return api;
  }

  graphql(query: string, variables?: Readonly<Record<string, unknown>>): Promise<GraphqlResponse> {
    return fetchGraphql(this.apiUrl, GroundcrewProcesses.token, query, variables);
  }

  async createTask(repoUrl = 'https://git.test/acme/shop.git', prompt = 'Mend the door'): Promise<string> {
    const { data, errors } = await this.graphql(
      'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id revision status } }',
      { input: { repoUrl, prompt } },
    );
    if (!data) throw new Error(`createTask failed: ${JSON.stringify(errors)}`);
    return (data as { createTask: { id: string } }).createTask.id;
  }

  /** Four at a time. */
  async createTasks(count: number): Promise<string[]> {
    const ids: string[] = [];
    const one = async () => {
      while (ids.length < count) {
        const index = ids.push('') - 1;
        ids[index] = await this.createTask(`https://git.test/acme/shop-${index % 7}.git`, `Task ${index}`);
      }
    };
    await Promise.all([one(), one(), one(), one()]);
    return ids;
  }

  async cancelTask(id: string): Promise<string> {
    const { data, errors } = await this.graphql('mutation ($id: ID!) { cancelTask(id: $id) { status } }', {
      id,
    });
    if (!data) throw new Error(`cancelTask failed: ${JSON.stringify(errors)}`);
    return (data as { cancelTask: { status: string } }).cancelTask.status;
  }

  async sql<R extends QueryResultRow = QueryResultRow>(text: string, params: unknown[] = []): Promise<R[]> {
    return (await this.pool.query<R>(text, params)).rows;
  }

  /** Ends the database's connections of that name, and returns how many there were. */
  async endConnections(applicationName: string): Promise<number> {
    const rows = await this.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = $1 and datname = current_database()`,
      [applicationName],
    );
    return rows.length;
  }

  async tasks(): Promise<TaskRow[]> {
    const rows = await this.sql('select id, status, revision, state from task order by id');
    return rows.map((row) => ({ ...row, key: sandboxKey(row.id) }) as TaskRow);
  }

  async task(id: string): Promise<TaskRow> {
    const [row] = await this.sql('select id, status, revision, state from task where id = $1', [id]);
    return { ...row, key: sandboxKey(id) } as TaskRow;
  }

  async waitForStatus(id: string, status: string, timeoutMs = 20_000): Promise<void> {
    await waitFor(
      async () => (await this.task(id)).status === status,
      timeoutMs,
      `${id} to be ${status}`,
    ).catch(async (error) => {
      const task = JSON.stringify(await this.task(id));
      throw new Error(`${(error as Error).message}: ${task}\n${this.logTails()}`);
    });
  }

  /** Waits until every task is RUNNING, ERROR, CANCELED or ARCHIVED. */
  async settled(timeoutMs = 60_000): Promise<void> {
    try {
      await waitFor(
        async () => (await this.sql(`select from task where not ${isSettled} limit 1`)).length === 0,
        timeoutMs,
        'all tasks settled',
      );
    } catch (error) {
      const stuck = await this.sql(
        `select t.id, t.status, t.wake_at, t.leased_by, t.epoch, j.locked_at, j.locked_by, j.run_at, j.attempts, now()
         from task t left join graphile_worker.jobs j on j.key = 'provision:' || t.id
         where not t.${isSettled} limit 5`,
      );
      throw new Error(`${(error as Error).message}\n${JSON.stringify(stuck, null, 1)}\n${this.logTails()}`);
    }
  }

  lockedJobs(): Promise<QueryResultRow[]> {
    return this.sql(
      'select task_identifier, key, locked_at, locked_by from graphile_worker.jobs where locked_at is not null',
    );
  }

  /** The lines of all processes' logs that match. */
  logged(pattern: RegExp): string[] {
    return this.processes.started.flatMap(({ stderr }) => stderr.filter((line) => pattern.test(line)));
  }

  /** The end of each process's log, for the message of a failure. */
  logTails(): string {
    return this.processes.started
      .map(({ pid, stderr }) => {
        const telling = stderr.filter((line) => !/"line":|task changed/.test(line));
        return `${pid}:\n  ${telling
          .slice(-8)
          .map((line) => line.slice(0, 600))
          .join('\n  ')}`;
      })
      .join('\n');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

/** `databaseUrl`: a database to use instead of a new one in the cluster that all test files share. */
export async function createInstallation(
  options: { databaseUrl?: string; settings?: Settings } = {},
): Promise<Installation> {
  await using resources = new AsyncDisposableStack();
  const databaseUrl =
    options.databaseUrl ?? resources.adopt(await createTestDatabase(), (database) => database.drop()).url;
  const pool = resources.adopt(
    new Pool({ connectionString: databaseUrl, application_name: 'chaos', max: 40 }),
    (each) => each.end(),
  );
  // A connection that the test's own chaos breaks must not end the test.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const repositories = resources.use(await createRepositories());
  const provider = resources.use(await startScriptedProvider());
  const processes = resources.use(
    await GroundcrewProcesses.create({
      DATABASE_URL: databaseUrl,
      GROUNDCREW_RETRY_BASE_MS: '100',
      LOG_LEVEL: 'info',
      ...repositories.env,
      ...provider.env,
      ...options.settings,
    }),
  );
  return new Installation({ databaseUrl, provider, repositories, processes, pool }, resources.move());
}
