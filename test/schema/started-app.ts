import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Role, startGroundcrew } from '../../src/app/start.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/log.ts';
import type { NewMachineEvent } from '../../src/tasks/domain/machine-event.ts';
import type { TaskStatus } from '../../src/tasks/domain/status.ts';
import { fetchGraphql, type GraphqlResponse } from '../support/fetch-graphql.ts';
import { type ScriptedProvider, startScriptedProvider } from '../support/scripted-provider.ts';
import { StoredTasks } from '../support/stored-tasks.ts';
import { eventsToRunning, failed, started } from '../tasks/domain/machine-states.ts';

/** Groundcrew in this process, with its own database and a scripted provider. */
export interface StartedApp extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly stored: StoredTasks;
  readonly provider: ScriptedProvider;
  send(query: string, variables?: Readonly<Record<string, unknown>>): Promise<GraphqlResponse>;
  /** The data of an operation; throws when there are errors. */
  ask<T = Record<string, unknown>>(query: string, variables?: Readonly<Record<string, unknown>>): Promise<T>;
  /** The `extensions` of the first error; undefined when the operation succeeded. */
  refusal(query: string, variables?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Creates a task over the API and returns its id. */
  create(input?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Stores a task in this status that no worker has leased. */
  createIn(status: TaskStatus): Promise<string>;
}

export const repoUrl = 'https://example.com/o/r';

/** The role `api` has no worker: stored tasks stay as they are. */
export async function startApp(
  role: Extract<Role, 'start' | 'api'>,
  settings: Readonly<Record<string, string>> = {},
): Promise<StartedApp> {
  const stored = await StoredTasks.create();
  const provider = await startScriptedProvider();
  const dataDir = await mkdtemp(join(tmpdir(), 'groundcrew-app-'));
  Object.assign(process.env, provider.env);
  const token = 'token-of-the-test';
  const config = loadConfig({
    PORT: '0',
    DATABASE_URL: stored.url,
    GROUNDCREW_DATA_DIR: dataDir,
    GROUNDCREW_TOKEN: token,
    GROUNDCREW_PROVIDERS: `${provider.env.GROUNDCREW_PROVIDERS},local`,
    GROUNDCREW_RETRY_BASE_MS: '1',
    ...settings,
  });
  const groundcrew = await startGroundcrew(role, config, createLogger('fatal'));
  const url = groundcrew.url as string;
  const send: StartedApp['send'] = (query, variables) => fetchGraphql(url, token, query, variables);
  const app: StartedApp = {
    url,
    token,
    stored,
    provider,
    send,
    async ask<T>(query: string, variables?: Readonly<Record<string, unknown>>) {
      const { data, errors } = await send(query, variables);
      if (errors) throw new Error(JSON.stringify(errors));
      return data as T;
    },
    refusal: async (query, variables) => (await send(query, variables)).errors?.[0]?.extensions,
    async create(input = {}) {
      const { createTask } = await app.ask<{ createTask: { id: string } }>(
        'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id } }',
        { input: { repoUrl, prompt: 'Fix the tests', ...input } },
      );
      return createTask.id;
    },
    async createIn(status) {
      const task = await stored.create();
      await stored.change(task.id, ...eventsTo(status, eventsToRunning(task)));
      return task.id;
    },
    async [Symbol.asyncDispose]() {
      await groundcrew.stop();
      await provider[Symbol.asyncDispose]();
      await stored[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return app;
}

function eventsTo(status: TaskStatus, toRunning: NewMachineEvent[]): NewMachineEvent[] {
  const toError = [started('ensure_name'), failed('ensure_name', null)];
  switch (status) {
    case 'init_enqueue_provision':
      return [];
    case 'init_ensure_name':
      return toRunning.slice(0, 1);
    case 'init_create_sandbox':
      return toRunning.slice(0, 3);
    case 'init_ensure_agent':
      return toRunning.slice(0, 5);
    case 'init_create_session':
      return toRunning.slice(0, 7);
    case 'running':
      return toRunning;
    case 'error':
      return toError;
    case 'canceled':
      return [...toRunning, { type: 'taskCanceled' }];
    case 'archived':
      return [...toRunning, { type: 'taskArchived' }];
  }
}
