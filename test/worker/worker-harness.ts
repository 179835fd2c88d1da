import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/log.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Providers } from '../../src/sandbox/registry.ts';
import { sandboxKey } from '../../src/tasks/domain/external-keys.ts';
import type { StepName, TaskStatus } from '../../src/tasks/domain/status.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import type { CreateTaskInput } from '../../src/tasks/input.ts';
import { readRevisions } from '../../src/tasks/store/task-feed.ts';
import { findTask } from '../../src/tasks/store/view/task-queries.ts';
import { WakeUpListener } from '../../src/tasks/store/wake-up-listener.ts';
import { Worker } from '../../src/worker/worker.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import {
  fails,
  hangs,
  type Method,
  type Rule,
  type RuleOptions,
  type ScriptedProvider,
  startScriptedProvider,
} from '../support/scripted-provider.ts';
import { StoredTasks } from '../support/stored-tasks.ts';
import { waitFor } from '../support/wait-for.ts';

/** A worker in this process, with a provider that the test directs, on a real repository. */
export interface WorkerHarness extends AsyncDisposable {
  readonly stored: StoredTasks;
  readonly provider: ScriptedProvider;
  readonly repository: GitRepository;
  create(input?: Partial<CreateTaskInput>): Promise<Task>;
  find(id: string): Promise<Task>;
  /** The task once it is so. */
  until(id: string, is: TaskStatus | ((task: Task) => boolean), timeoutMs?: number): Promise<Task>;
  /** The task as it was at each of its revisions. */
  history(id: string): Promise<Task[]>;
  /** The sandbox is gone, and the ledger says so. */
  released(id: string): Promise<void>;
  /** A rule for the calls of one task. */
  script(
    task: Task,
    method: Method,
    behaviour: Parameters<ScriptedProvider['on']>[1],
    options?: RuleOptions,
  ): Rule;
  stopWorker(): Promise<void>;
  startWorker(env?: Readonly<Record<string, string>>): Promise<void>;
}

/** The provider's method of each step that has one. */
export const methodOf = {
  create_sandbox: 'createSandbox',
  ensure_agent: 'ensureAgent',
  create_session: 'createSession',
} as const satisfies Partial<Record<StepName, Method>>;
export type ProviderStep = keyof typeof methodOf;
export const providerSteps = Object.keys(methodOf) as ProviderStep[];

export { fails, hangs };

const defaults = { GROUNDCREW_RETRY_BASE_MS: '1', GROUNDCREW_STEP_MAX_ATTEMPTS: '3' };

export async function startWorkerHarness(env: Readonly<Record<string, string>> = {}): Promise<WorkerHarness> {
  const stored = await StoredTasks.create();
  const provider = await startScriptedProvider('local');
  const repository = await createGitRepository();
  const logger = createLogger('fatal');
  const listener = new WakeUpListener({ url: stored.url, logger });
  await listener.start();
  let worker: Worker | undefined;

  const find = async (id: string) => (await findTask(stored.view, id)) as Task;
  const harness: WorkerHarness = {
    stored,
    provider,
    repository,
    create: (input = {}) => stored.create({ repoUrl: repository.path, ...input }),
    find,
    async until(id, is, timeoutMs = 15_000) {
      let task = await find(id);
      const so = typeof is === 'function' ? is : ({ state }: Task) => state.status === is;
      await waitFor(
        async () => {
          task = await find(id);
          return so(task);
        },
        timeoutMs,
        `${id} is ${is}`,
      ).catch((error) => {
        const { status, steps, sessions } = task.state;
        throw new Error(`${error.message}; ${JSON.stringify({ status, steps, sessions }, null, 1)}`);
      });
      return task;
    },
    history: async (id) => (await readRevisions(stored.db, [{ task: await find(id), after: 0 }])).flat(),
    async released(id) {
      const key = sandboxKey(id);
      await waitFor(async () => {
        const [row] = await stored.sql('select state from sandbox where key = ?', [key]);
        return (row === undefined || row.state === 'released') && !provider.sandboxes.has(key);
      });
    },
    script: (task, method, behaviour, options = {}) =>
      provider.on(method, behaviour, {
        ...options,
        when: (call) => call.sandboxKey === sandboxKey(task.id) && (options.when?.(call) ?? true),
      }),
    async startWorker(more = {}) {
      const config = loadConfig({ ...defaults, ...env, ...more });
      const providers: Providers = provider.providers;
      worker = new Worker({
        config,
        databaseUrl: stored.url,
        db: stored.db,
        listener,
        providers,
        locations: new Map(),
        logger,
        metrics: new Metrics(),
        exclusive: false,
      });
      await worker.start();
    },
    async stopWorker() {
      await worker?.stop();
      worker = undefined;
    },
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]();
      await worker?.stop();
      await listener.stop();
      await stored[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
  await harness.startWorker();
  return harness;
}
