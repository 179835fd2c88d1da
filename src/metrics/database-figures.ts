import { Gauge, type Registry } from 'prom-client';

/** What is counted in the database, of all processes together. */
export interface Figures {
  /** Tasks that a worker has to look at, now or later. */
  readonly tasksWaiting: number;
  /** Of them, those that have been due for more than ten seconds. */
  readonly tasksOverdue: number;
  /** Seconds since the one that has waited longest was due. */
  readonly oldestTaskSeconds: number;
  readonly tasksLeased: number;
  readonly jobsReady: number;
  readonly jobsRunning: number;
  readonly jobsFailed: number;
  readonly oldestJobSeconds: number;
  readonly sandboxesReleasing: number;
  /** Of them, those that should have been gone for a minute. */
  readonly sandboxesOverdue: number;
  readonly sessionsFollowed: number;
  readonly sessionsUnfollowed: number;
  readonly promptsQueued: number;
  readonly promptsUnknown: number;
  readonly requestsOpen: number;
  readonly oldestRequestSeconds: number;
  readonly deliveriesPending: number;
  readonly webhooksFailing: number;
  readonly workers: number;
  /** From 0 to 1. */
  readonly notificationQueue: number;
}

export type ReadFigures = () => Promise<Figures>;

const descriptions: Readonly<Record<keyof Figures, readonly [name: string, help: string]>> = {
  tasksWaiting: ['tasks_waiting', 'Tasks that no worker has and that one has to look at, now or later.'],
  tasksOverdue: ['tasks_overdue', 'Tasks that have been due for more than ten seconds without a worker.'],
  oldestTaskSeconds: ['task_wait_seconds', 'How long the task has been due that waits longest for a worker.'],
  tasksLeased: ['tasks_leased', 'Tasks that a worker has.'],
  jobsReady: ['jobs_ready', 'Jobs that are due and that no worker runs.'],
  jobsRunning: ['jobs_running', 'Jobs that workers run.'],
  jobsFailed: ['jobs_failed', 'Jobs that will not run again because all their attempts failed.'],
  oldestJobSeconds: ['job_wait_seconds', 'How long the job has been due that waits longest.'],
  sandboxesReleasing: ['sandboxes_releasing', 'Sandboxes of closed tasks that are not known to be gone.'],
  sandboxesOverdue: ['sandboxes_overdue', 'Sandboxes of closed tasks that are still there after a minute.'],
  sessionsFollowed: ['sessions_followed', 'Sessions that a worker follows.'],
  sessionsUnfollowed: ['sessions_unfollowed', 'Open sessions that no worker follows.'],
  promptsQueued: ['prompts_queued', 'Prompts that no agent has got yet.'],
  promptsUnknown: ['prompts_unknown', 'Prompts of which nobody knows whether the agent has got them.'],
  requestsOpen: ['agent_requests_open', 'Requests of agents that wait for a person.'],
  oldestRequestSeconds: ['agent_request_wait_seconds', 'How long the oldest request of an agent has waited.'],
  deliveriesPending: ['webhook_deliveries_pending', 'Deliveries to webhooks that were not accepted yet.'],
  webhooksFailing: ['webhooks_failing', 'Webhooks whose last attempts were not accepted.'],
  workers: ['workers', 'Workers whose heartbeat is not older than five seconds.'],
  notificationQueue: [
    'notification_queue_ratio',
    'How full the queue of notifications of PostgreSQL is, from 0 to 1.',
  ],
};

/** Milliseconds for which figures are not read again, however often they are asked for. */
const keptMs = 5_000;
/** Milliseconds that an answer waits for them. */
const timeoutMs = 2_000;

/** Figures that are read when they are asked for, and left out while they cannot be read. */
export class DatabaseFigures {
  readonly #read: ReadFigures;
  readonly #registry: Registry;
  readonly #up: Gauge;
  readonly #gauges = new Map<string, Gauge>();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(read: ReadFigures, registry: Registry) {
    this.#read = read;
    this.#registry = registry;
    this.#up = new Gauge({
      name: 'groundcrew_database_up',
      help: 'Whether the figures of the database could be read within two seconds: 1 or 0.',
      registers: [registry],
    });
  }

  /** Never rejects. */
  async refresh(): Promise<void> {
    if (performance.now() - this.#readAt < keptMs) return;
    this.#reading ??= this.#update().finally(() => {
      this.#reading = undefined;
    });
    const { promise: timedOut, resolve } = Promise.withResolvers<'late'>();
    const timer = setTimeout(resolve, timeoutMs, 'late');
    const outcome = await Promise.race([this.#reading, timedOut]);
    clearTimeout(timer);
    if (outcome === 'late') this.#leaveOut();
  }

  async #update(): Promise<void> {
    try {
      const figures = await this.#read();
      this.#readAt = performance.now();
      this.#up.set(1);
      for (const key of Object.keys(descriptions) as (keyof Figures)[]) this.#gauge(key).set(figures[key]);
    } catch {
      this.#leaveOut();
    }
  }

  /** An old figure would hide that nobody knows the present one. */
  #leaveOut(): void {
    this.#up.set(0);
    this.#readAt = Number.NEGATIVE_INFINITY;
    for (const name of this.#gauges.keys()) this.#registry.removeSingleMetric(name);
    this.#gauges.clear();
  }

  #gauge(key: keyof Figures): Gauge {
    const [suffix, help] = descriptions[key];
    const name = `groundcrew_${suffix}`;
    const gauge = this.#gauges.get(name) ?? new Gauge({ name, help, registers: [this.#registry] });
    this.#gauges.set(name, gauge);
    return gauge;
  }
}
