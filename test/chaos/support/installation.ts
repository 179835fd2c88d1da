import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool, type QueryResultRow } from 'pg';
import { sandboxKey } from '../../../src/tasks/domain/external-keys.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { fetchGraphql, type GraphqlResponse } from '../../support/fetch-graphql.ts';
import { type StartedProcess, startProcess } from '../../support/processes.ts';
import { type ScriptedProvider, startScriptedProvider } from '../../support/scripted-provider.ts';
import { waitFor } from '../../support/wait-for.ts';
import { createRepositories, type Repositories } from './repositories.ts';

const token = 'chaos-owner-token';

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

export interface InstallationOptions {
  /** A database to use instead of one of its own in the shared cluster. */
  readonly databaseUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** API servers and workers as real processes on one database, a provider that the test controls, and what is true of them. */
export class Installation implements AsyncDisposable {
  readonly provider: ScriptedProvider;
  readonly repositories: Repositories;
  /** All that were ever started. */
  readonly processes: StartedProcess[] = [];
  readonly pool: Pool;
  readonly databaseUrl: string;
  apiUrl = '';
  readonly #database: TestDatabase | undefined;
  readonly #dataDir: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(
    parts: { provider: ScriptedProvider; repositories: Repositories; dataDir: string },
    database: TestDatabase | undefined,
    options: InstallationOptions,
  ) {
    const url = options.databaseUrl ?? (database?.url as string);
    this.provider = parts.provider;
    this.repositories = parts.repositories;
    this.databaseUrl = url;
    this.#dataDir = parts.dataDir;
    this.#database = database;
    this.pool = new Pool({ connectionString: url, application_name: 'chaos', max: 40 });
    // Otherwise the end of the database is the end of the test.
    this.pool.on('error', () => {});
    this.pool.on('connect', (client) => client.on('error', () => {}));
    this.#env = {
      DATABASE_URL: url,
      GROUNDCREW_DATA_DIR: parts.dataDir,
      GROUNDCREW_TOKEN: token,
      GROUNDCREW_RETRY_BASE_MS: '100',
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_LEVEL: 'info',
      ...parts.repositories.env,
      ...parts.provider.env,
      ...options.env,
    };
  }

  /** Not ready yet. */
  spawn(role: 'api' | 'worker', env: Readonly<Record<string, string>> = {}): StartedProcess {
    const started = startProcess([process.execPath, 'src/main.ts', role], { env: { ...this.#env, ...env } });
    this.processes.push(started);
    return started;
  }

  async startWorker(env?: Readonly<Record<string, string>>): Promise<StartedProcess> {
    const worker = this.spawn('worker', env);
    await worker.waitForLine(/^groundcrew worker ready/, 30_000);
    return worker;
  }

  async startApi(env?: Readonly<Record<string, string>>): Promise<StartedProcess> {
    const api = this.spawn('api', env);
    const [, url] = await api.waitForLine(/^groundcrew ready on (\S+)/, 30_000);
    this.apiUrl = url as string;
    return api;
  }

  graphql(query: string, variables?: Readonly<Record<string, unknown>>): Promise<GraphqlResponse> {
    return fetchGraphql(this.apiUrl, token, query, variables);
  }

  async createTask(repoUrl = 'https://git.test/acme/shop.git', prompt = 'Mend the door'): Promise<string> {
    const { data, errors } = await this.graphql(
      'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id revision status } }',
      { input: { repoUrl, prompt } },
    );
    if (!data) throw new Error(`createTask failed: ${JSON.stringify(errors)}`);
    return (data as { createTask: { id: string } }).createTask.id;
  }

  /** Many, a few at a time. */
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
      throw new Error(`${(error as Error).message}: ${JSON.stringify(await this.task(id))}`);
    });
  }

  /** Until every task is RUNNING, ERROR, CANCELED or ARCHIVED. */
  async settled(timeoutMs = 60_000): Promise<void> {
    try {
      await waitFor(
        async () =>
          (await this.sql(
            `select from task where status not in ('running', 'error', 'canceled', 'archived') limit 1`,
          ).then((rows) => rows.length)) === 0,
        timeoutMs,
        'all tasks settled',
      );
    } catch (error) {
      const stuck = await this.sql(
        `select t.id, t.status, t.wake_at, t.leased_by, t.epoch, j.locked_at, j.locked_by, j.run_at, j.attempts, now()
         from task t left join graphile_worker.jobs j on j.key = 'provision:' || t.id
         where t.status not in ('running', 'error', 'canceled', 'archived') limit 5`,
      );
      throw new Error(`${(error as Error).message}\n${JSON.stringify(stuck, null, 1)}\n${this.lastWords()}`);
    }
  }

  /** What processes that still live hold of the queue. */
  lockedJobs(): Promise<QueryResultRow[]> {
    return this.sql(
      'select task_identifier, key, locked_at, locked_by from graphile_worker.jobs where locked_at is not null',
    );
  }

  /** Lines of all logs that match. */
  logged(pattern: RegExp): string[] {
    return this.processes.flatMap(({ stderr }) => stderr.filter((line) => pattern.test(line)));
  }

  lastWords(): string {
    return this.processes
      .map(({ pid, stderr }) => {
        const telling = stderr.filter((line) => !/"line":|task changed/.test(line));
        return `${pid}:\n  ${telling
          .slice(-8)
          .map((line) => line.slice(0, 600))
          .join('\n  ')}`;
      })
      .join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.processes.map((each) => each[Symbol.asyncDispose]()));
    await this.provider[Symbol.asyncDispose]();
    await this.repositories[Symbol.asyncDispose]();
    await this.pool.end();
    await this.#database?.drop();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

export async function createInstallation(options: InstallationOptions = {}): Promise<Installation> {
  const database = options.databaseUrl === undefined ? await createTestDatabase() : undefined;
  const parts = {
    provider: await startScriptedProvider(),
    repositories: await createRepositories(),
    dataDir: await mkdtemp(join(tmpdir(), 'groundcrew-chaos-data-')),
  };
  return new Installation(parts, database, options);
}
