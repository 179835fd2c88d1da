import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { createGroundcrew } from '../../src/client/client.ts';
import { isLong, report, testTimeout } from '../support/chaos-form.ts';
import { type ApiProcess, GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { type LoadBalancer, startLoadBalancer } from '../support/load-balancer.ts';
import type { StartedProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { expectConsistency } from './support/consistency.ts';
import { createInstallation, type Installation } from './support/installation.ts';

const rounds = isLong ? 5 : 1;
const clients = isLong ? 3 : 2;
/** Milliseconds between two tasks of a client. */
const pace = isLong ? 250 : 600;

it.concurrent(
  'fails no request and loses no revision while each API server and each worker is restarted in turn under load',
  async () => {
    await using app = await createInstallation();
    await using balancer = await startLoadBalancer();
    let apis: readonly ApiProcess[] = await Promise.all([startApi(app, balancer), startApi(app, balancer)]);
    let workers: readonly StartedProcess[] = await Promise.all([app.startWorker(), app.startWorker()]);
    app.provider.on('createSandbox', async (turn) => {
      await delay(100);
      return turn.effect();
    });

    const load = Array.from({ length: clients }, () => new Load(balancer.url));
    for (let round = 0; round < rounds; round += 1) {
      for (const api of apis) {
        api.kill('SIGTERM');
        expect(await api.exit).toEqual({ code: 0, signal: null });
        apis = [...apis.filter((each) => each !== api), await startApi(app, balancer)];
        await moreTasks(load);
      }
      for (const worker of workers) {
        worker.kill('SIGTERM');
        expect(await worker.exit).toEqual({ code: 0, signal: null });
        workers = [...workers.filter((each) => each !== worker), await app.startWorker()];
        await moreTasks(load);
      }
    }
    const seen = await Promise.all(load.map((each) => each.end()));
    report('rolling restart', { tasks: seen.map(({ tasks }) => tasks), stops: rounds * 4 });
    expect(seen.flatMap(({ failures }) => failures)).toEqual([]);
    expect(seen.flatMap(({ gaps }) => gaps)).toEqual([]);
    await expectConsistency(app, { statuses: ['running'] });
    expect(await app.tasks()).toHaveLength(seen.reduce((sum, { tasks }) => sum + tasks, 0));
  },
  testTimeout,
);

async function startApi(app: Installation, balancer: LoadBalancer): Promise<ApiProcess> {
  const api = await app.startApi();
  balancer.add(api.url);
  await waitFor(() => balancer.uses(api.url));
  return api;
}

/** Resolves once each client has created more tasks than before. */
async function moreTasks(load: readonly Load[]): Promise<void> {
  const before = load.map(({ tasks }) => tasks);
  await waitFor(() =>
    load.every(({ tasks, failures }, index) => failures.length > 0 || tasks > (before[index] as number) + 1),
  );
}

/** A client that creates one task after another and follows each of them until it is RUNNING. */
class Load {
  tasks = 0;
  /** What was answered to requests that failed. */
  readonly failures: string[] = [];
  /** Revisions that came out of their order. */
  readonly gaps: string[] = [];
  readonly #client;
  readonly #watches: Promise<void>[] = [];
  readonly #done: Promise<void>;
  #ended = false;

  constructor(url: string) {
    this.#client = createGroundcrew({ url, token: GroundcrewProcesses.token });
    this.#done = this.#create();
  }

  async end(): Promise<Load> {
    this.#ended = true;
    await this.#done;
    await Promise.all(this.#watches);
    await this.#client.close();
    return this;
  }

  async #create(): Promise<void> {
    while (!this.#ended) {
      try {
        const { id } = await this.#client.createTask({
          repoUrl: 'https://git.test/acme/shop.git',
          prompt: 'Mend the door',
        });
        this.tasks += 1;
        this.#watches.push(this.#watch(id));
      } catch (error) {
        this.failures.push(inspect(error, { depth: 6, breakLength: Number.POSITIVE_INFINITY }));
      }
      // Often enough that each restart meets requests; the load itself is not what is tested.
      await delay(pace);
    }
  }

  async #watch(id: string): Promise<void> {
    let last = 0;
    for await (const { revision, status } of this.#client.watchTask(id, { afterRevision: 0 })) {
      if (revision !== last + 1) this.gaps.push(`${id}: ${revision} after ${last}`);
      last = revision;
      if (!status.startsWith('INIT_')) return;
    }
    this.failures.push(`${id}: the subscription has ended at revision ${last}`);
  }
}
