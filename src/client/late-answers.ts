import type { Exchange, OperationResult } from '@urql/core';
import { map, pipe, tap } from 'wonka';

type Fields = Readonly<Record<string, unknown>>;

/** Tasks that are remembered: a client that follows all tasks for weeks must not keep each. No answer is that many tasks late. */
const mostTasks = 1_000;

/**
 * Keeps what is older than what the cache has out of it. Answers come on another way than the messages of subscriptions, which
 * may have shown later changes of the same objects already; and for Graphcache the answer to a query counts more than a
 * message that came while it was under way. Whoever has sent a mutation gets its answer as it came.
 */
export class LateAnswers {
  /** The newest version that has come of each task, those that changed last at the end. */
  readonly #tasks = new Map<string, Fields>();
  /** For each mutation that has no answer yet, what subscriptions have brought since it was sent. */
  readonly #brought = new Map<number, Map<string, Fields>>();
  /** Answers to mutations of which the cache gets something else. */
  readonly #answers = new Map<number, unknown>();

  /** Comes before the cache. */
  readonly restore: Exchange =
    ({ forward }) =>
    (operations) =>
      pipe(
        forward(operations),
        map((result) => {
          const { key } = result.operation;
          if (!this.#answers.has(key)) return result;
          const data = this.#answers.get(key);
          this.#answers.delete(key);
          return { ...result, data };
        }),
      );

  /** Comes after the cache. */
  readonly guard: Exchange =
    ({ forward }) =>
    (operations) =>
      pipe(
        operations,
        tap(({ kind, key }) => {
          if (kind === 'mutation') this.#brought.set(key, new Map());
          else if (kind === 'teardown') this.#brought.delete(key);
        }),
        forward,
        map((result) => this.#guard(result)),
      );

  #guard(result: OperationResult): OperationResult {
    const { operation, data } = result;
    const { kind, key } = operation;
    const brought = this.#brought.get(key) ?? new Map();
    this.#brought.delete(key);
    const kept = kind === 'subscription' ? data : this.#withoutOlder(data, brought);
    this.#note(kept, kind === 'subscription');
    if (kept === data) return result;
    if (kind === 'mutation') this.#answers.set(key, data);
    return { ...result, data: kept };
  }

  #note(value: unknown, isMessage: boolean): void {
    if (Array.isArray(value)) for (const each of value) this.#note(each, isMessage);
    if (!isFields(value)) return;
    const { id } = value;
    if (typeof id === 'string') {
      if (isMessage) for (const brought of this.#brought.values()) brought.set(id, value);
      this.#noteTask(id, value);
    }
    for (const each of Object.values(value)) this.#note(each, isMessage);
  }

  #noteTask(id: string, task: Fields): void {
    const revision = revisionOf(task);
    if (revision === undefined) return;
    const known = this.#tasks.get(id);
    const newest = Number(known?.revision ?? 0);
    if (revision < newest) return;
    this.#tasks.delete(id);
    this.#tasks.set(id, revision === newest ? { ...known, ...task } : task);
    for (const oldest of this.#tasks.keys()) {
      if (this.#tasks.size <= mostTasks) break;
      this.#tasks.delete(oldest);
    }
  }

  /** The same value when nothing of it is older than what has come. */
  #withoutOlder(value: unknown, brought: ReadonlyMap<string, Fields>): unknown {
    if (Array.isArray(value)) {
      const kept = value.map((each) => this.#withoutOlder(each, brought));
      return kept.some((each, index) => each !== value[index]) ? kept : value;
    }
    if (!isFields(value)) return value;
    const newer = this.#newerThan(value, brought);
    // A task is of one revision with all that belongs to it.
    if (newer === undefined && revisionOf(value) !== undefined) return value;
    const fields = newer ? renewed(value, newer) : value;
    const entries = Object.entries(fields);
    const kept = entries.map(([name, each]) => [name, this.#withoutOlder(each, brought)] as const);
    return kept.some(([, each], index) => each !== entries[index]?.[1]) ? Object.fromEntries(kept) : fields;
  }

  /** Undefined when nothing shows that the object is older. */
  #newerThan(value: Fields, brought: ReadonlyMap<string, Fields>): Fields | undefined {
    if (typeof value.id !== 'string') return undefined;
    const revision = revisionOf(value);
    // Nothing tells which one is newer. If the answer is, the subscription brings that too.
    if (revision === undefined) return brought.get(value.id);
    const known = this.#tasks.get(value.id);
    return known && revision < Number(known.revision) ? known : undefined;
  }
}

/** Undefined for all but a task: an event has the revision that it made. */
function revisionOf({ __typename, revision }: Fields): number | undefined {
  return __typename === 'Task' && typeof revision === 'number' ? revision : undefined;
}

/**
 * The older object with what is known of the newer one. When that is not all of it, the revision stays the older one: whoever
 * follows the task from there gets the rest.
 */
function renewed(older: Fields, newer: Fields): Fields {
  const entries = Object.entries(older);
  const isWhole = entries.every(([name, value]) => covers(newer[name], value));
  const renewedEntries = entries.map(([name, value]) => {
    const isKnown = covers(newer[name], value) && (isWhole || name !== 'revision');
    return [name, isKnown ? newer[name] : value];
  });
  return Object.fromEntries(renewedEntries);
}

/** Whether a value has all the fields that the other one has. */
function covers(value: unknown, other: unknown): boolean {
  if (value === undefined) return false;
  if (Array.isArray(value) && Array.isArray(other))
    return other.length === 0 || value.every((each) => covers(each, other[0]));
  if (!isFields(value) || !isFields(other)) return true;
  return Object.entries(other).every(([name, each]) => covers(value[name], each));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
