import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { DatabaseFigures, type ReadFigures } from './database-figures.ts';

/** Seconds, from what answers at once to what a step may take. */
const operationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const deliveryBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const attemptBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

export type OperationType = 'query' | 'mutation' | 'subscription';

/** The part of a connection pool that is measured. */
export interface MeasuredPool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

let processRegistry: Registry | undefined;

/** CPU, memory, event loop and garbage collection, from the first call on: they are measured by timers that never end. */
function ofProcess(): Registry {
  if (!processRegistry) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry });
  }
  return processRegistry;
}

/**
 * What a process counts and measures, in the text format of Prometheus. Each label has few values, whatever clients send:
 * fields of the schema, codes of errors, names of steps and of the providers that the operator has set.
 * docs/operations.md lists all of it.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #registers = [this.#registry];
  readonly #requests = new Counter({
    name: 'groundcrew_http_requests_total',
    help: 'Answers to HTTP requests, by path and status.',
    labelNames: ['path', 'status'] as const,
    registers: this.#registers,
  });
  readonly #operations = new Histogram({
    name: 'groundcrew_operation_seconds',
    help: 'Time from the start of a query or mutation to its result, by its root field.',
    labelNames: ['type', 'field'] as const,
    buckets: operationBuckets,
    registers: this.#registers,
  });
  readonly #operationErrors = new Counter({
    name: 'groundcrew_operation_errors_total',
    help: 'Operations that were answered with an error, by root field and the code of the first error.',
    labelNames: ['type', 'field', 'code'] as const,
    registers: this.#registers,
  });
  readonly #sockets = new Gauge({
    name: 'groundcrew_sockets',
    help: 'WebSockets that are open.',
    registers: this.#registers,
  });
  readonly #subscriptions = new Gauge({
    name: 'groundcrew_subscriptions',
    help: 'Subscriptions that are open, by their root field.',
    labelNames: ['field'] as const,
    registers: this.#registers,
  });
  readonly #delivery = new Histogram({
    name: 'groundcrew_delivery_seconds',
    help: 'Time from the commit of a revision, by the clock of the database, until it was written to a socket; of one message a millisecond.',
    buckets: deliveryBuckets,
    registers: this.#registers,
  });
  readonly #attempts = new Histogram({
    name: 'groundcrew_attempt_seconds',
    help: 'Time that an attempt of a provisioning step took, by step and provider.',
    labelNames: ['step', 'provider'] as const,
    buckets: attemptBuckets,
    registers: this.#registers,
  });
  readonly #attemptFailures = new Counter({
    name: 'groundcrew_attempt_failures_total',
    help: 'Attempts of provisioning steps that failed, by step, provider and code.',
    labelNames: ['step', 'provider', 'code'] as const,
    registers: this.#registers,
  });
  readonly #reclaimed = new Counter({
    name: 'groundcrew_tasks_reclaimed_total',
    help: 'Tasks that this worker took away from workers that were dead.',
    registers: this.#registers,
  });
  readonly #webhookAttempts = new Counter({
    name: 'groundcrew_webhook_attempts_total',
    help: 'Attempts to deliver to webhooks, by outcome: accepted, refused or unanswered.',
    labelNames: ['outcome'] as const,
    registers: this.#registers,
  });
  readonly #batches = new Histogram({
    name: 'groundcrew_batch_size',
    help: 'How many creates or changes of tasks, or transcripts went in one statement, by what they are.',
    labelNames: ['of'] as const,
    buckets: [1, 2, 5, 10, 25, 50, 100],
    registers: this.#registers,
  });
  readonly #transcripts = new Histogram({
    name: 'groundcrew_transcript_seconds',
    help: 'Time from when a follower had something of a transcript to write until it was stored.',
    buckets: deliveryBuckets,
    registers: this.#registers,
  });
  readonly #holes = new Counter({
    name: 'groundcrew_transcript_holes_total',
    help: 'Holes in what agents said, each of which is a Notice in its transcript.',
    registers: this.#registers,
  });
  #figures: DatabaseFigures | undefined;

  readonly contentType = this.#registry.contentType;

  /** What `/metrics` answers. Also while the database is away: then without what is read from it. */
  async text(): Promise<string> {
    await this.#figures?.refresh();
    const texts = [ofProcess().metrics(), this.#registry.metrics()];
    return (await Promise.all(texts)).join('');
  }

  /** Adds figures that are read from the database when they are asked for. Once for a process. */
  addDatabaseFigures(read: ReadFigures): void {
    this.#figures = new DatabaseFigures(read, this.#registry);
  }

  /** Adds the connections of a pool. Once for a process. */
  addPool(pool: MeasuredPool): void {
    new Gauge({
      name: 'groundcrew_db_connections',
      help: 'Connections of the pool by state, and callers that wait for one.',
      labelNames: ['state'] as const,
      registers: this.#registers,
      collect() {
        this.set({ state: 'used' }, pool.totalCount - pool.idleCount);
        this.set({ state: 'idle' }, pool.idleCount);
        this.set({ state: 'waiting' }, pool.waitingCount);
      },
    });
  }

  /** `path` is one of the server's own, or `other`. */
  requestAnswered(path: string, status: number): void {
    this.#requests.inc({ path, status });
  }

  operationEnded(type: OperationType, field: string, seconds: number): void {
    this.#operations.observe({ type, field }, seconds);
  }

  operationFailed(type: OperationType, field: string, code: string): void {
    this.#operationErrors.inc({ type, field, code });
  }

  socketOpened(): void {
    this.#sockets.inc();
  }

  socketClosed(): void {
    this.#sockets.dec();
  }

  subscriptionOpened(field: string): void {
    this.#subscriptions.inc({ field });
  }

  subscriptionClosed(field: string): void {
    this.#subscriptions.dec({ field });
  }

  delivered(seconds: number): void {
    this.#delivery.observe(Math.max(0, seconds));
  }

  attemptEnded(step: string, provider: string, seconds: number): void {
    this.#attempts.observe({ step, provider }, seconds);
  }

  attemptFailed(step: string, provider: string, code: string): void {
    this.#attemptFailures.inc({ step, provider, code });
  }

  batchRun(of: 'create' | 'change' | 'transcript', count: number): void {
    this.#batches.observe({ of }, count);
  }

  transcriptStored(seconds: number): void {
    this.#transcripts.observe(seconds);
  }

  transcriptHole(): void {
    this.#holes.inc();
  }

  tasksReclaimed(count: number): void {
    this.#reclaimed.inc(count);
  }

  webhookAttempted(outcome: 'accepted' | 'refused' | 'unanswered'): void {
    this.#webhookAttempts.inc({ outcome });
  }
}
