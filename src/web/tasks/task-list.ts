import { pipe, subscribe } from 'wonka';
import { type TaskFilter, TaskSummaryUpdatedDocument } from '../../client/client.ts';
import { groundcrew } from '../groundcrew.ts';
import { passes } from '../passes.ts';
import { matches, merge, replace, type TaskSummary, type Tasks, without } from './merge.ts';
import { readPage, readTo } from './read-page.ts';

export interface ListState {
  /** Newest first. */
  readonly tasks: Tasks;
  /** New tasks that are not shown yet. */
  readonly held: Tasks;
  readonly hasMore: boolean;
  readonly loading: boolean;
  /** Why the server has refused the list. */
  readonly error: string | null;
}

const pageSize = 100;
/** Milliseconds. */
const retryDelay = 2_000;
const searchDelay = 1_000;

/** The tasks that match a filter: read page by page, and kept current while somebody looks. */
export class TaskList {
  /** Where the visitor is: pixels, and the id of the task, because its index changes when others come and go. */
  readonly place: { scrollTop: number; focused: string | undefined } = { scrollTop: 0, focused: undefined };
  #state: ListState = { tasks: [], held: [], hasMore: true, loading: true, error: null };
  readonly #filter: TaskFilter;
  readonly #listeners = new Set<() => void>();
  #isHolding: () => boolean = () => false;
  #cursor: string | null = null;
  #lastShown = 0;
  #isOpen = false;
  /** What has arrived since the reading began that will replace the list. Undefined: none is running. */
  #arrived: TaskSummary[] | undefined;
  /** Raised by each reading of the whole list: what an earlier one still brings is out of date. */
  #generation = 0;
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #searchTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(filter: TaskFilter) {
    this.#filter = filter;
  }

  readonly getState = (): ListState => this.#state;

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /**
   * Keeps the list current until the returned function is called. New tasks wait in `held` while `isHolding`, so that nothing
   * moves under the reader.
   */
  open(isHolding: () => boolean): () => void {
    this.#isOpen = true;
    this.#isHolding = isHolding;
    const { unsubscribe } = pipe(
      groundcrew.urql.subscription(TaskSummaryUpdatedDocument, { projectId: this.#filter.projectId ?? null }),
      subscribe(({ data }) => {
        if (data) this.#onUpdate(data.tasksUpdated);
      }),
    );
    const { connection } = groundcrew;
    let wasLost = false;
    const leave = connection.onChange(() => {
      if (connection.getState() === 'lost') wasLost = true;
      else if (wasLost && connection.getState() === 'connected') {
        wasLost = false;
        void this.#readAll();
      }
    });
    void this.#readAll();
    return () => {
      unsubscribe();
      leave();
      for (const timer of this.#timers) clearTimeout(timer);
      clearTimeout(this.#searchTimer);
      this.#searchTimer = undefined;
      this.#generation += 1;
      this.#isOpen = false;
    };
  }

  /** Tells how far down somebody looks. Reads the next page when that is near the end. */
  show(index: number): void {
    // While it is closed the rows are not at the place of before yet.
    if (!this.#isOpen) return;
    this.#lastShown = index;
    const { tasks, hasMore, loading, error } = this.#state;
    if (hasMore && !loading && error === null && index >= tasks.length - pageSize / 2) void this.#readNext();
  }

  showHeld(): void {
    this.#set({ tasks: merge(this.#state.tasks, this.#state.held), held: [] });
  }

  async #readNext(): Promise<void> {
    const generation = this.#generation;
    this.#set({ loading: true });
    const page = await this.#attempt(generation, () => readPage(this.#filter, pageSize, this.#cursor));
    if (!page) return;
    this.#cursor = page.cursor;
    this.#set({ tasks: merge(this.#state.tasks, page.tasks), hasMore: page.hasMore, loading: false });
  }

  /** Reads again all that somebody has looked at: no message tells what has changed meanwhile. */
  async #readAll(): Promise<void> {
    const generation = ++this.#generation;
    this.#arrived = [];
    this.#set({ loading: true, error: null });
    const count = Math.max(pageSize, Math.min(this.#lastShown + pageSize, this.#state.tasks.length));
    const all = await this.#attempt(generation, () => readTo(this.#filter, count));
    if (!all) return;
    const newest = this.#state.tasks[0]?.id;
    const waits = ({ id }: TaskSummary) => newest !== undefined && id > newest && this.#isHolding();
    const arrived = this.#arrived;
    this.#arrived = undefined;
    this.#cursor = all.cursor;
    this.#set({
      tasks: all.tasks.filter((task) => !waits(task)),
      held: all.tasks.filter(waits),
      hasMore: all.hasMore,
      loading: false,
    });
    for (const task of arrived) this.#onUpdate(task);
  }

  /** Repeats a reading until the server answers. Undefined when its result is not wanted any more, or was refused. */
  async #attempt<T>(generation: number, read: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        const result = await read();
        return generation === this.#generation ? result : undefined;
      } catch (error) {
        if (generation !== this.#generation) return undefined;
        if (!passes(error)) {
          this.#set({ loading: false, error: (error as Error).message });
          return undefined;
        }
      }
      await this.#pause();
      if (generation !== this.#generation) return undefined;
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, retryDelay);
      this.#timers.add(timer);
    });
  }

  #onUpdate(task: TaskSummary): void {
    this.#arrived?.push(task);
    const { tasks, held, hasMore } = this.#state;
    const [first, last] = [tasks[0], tasks.at(-1)];
    const isKnown = tasks.some(({ id }) => id === task.id) || held.some(({ id }) => id === task.id);
    if (!matches(task, this.#filter)) {
      this.#set({ tasks: without(tasks, task.id), held: without(held, task.id) });
    } else if (isKnown) {
      this.#set({ tasks: replace(tasks, task), held: replace(held, task) });
    } else if (this.#filter.search) {
      this.#searchAgain();
    } else if (first && task.id > first.id && this.#isHolding()) {
      this.#set({ held: merge(held, [task]) });
    } else if (!hasMore || (last && task.id > last.id)) {
      this.#set({ tasks: merge(tasks, [task]) });
    }
  }

  /** Only the server knows whether the task has the words. */
  #searchAgain(): void {
    this.#searchTimer ??= setTimeout(() => {
      this.#searchTimer = undefined;
      void this.#readAll();
    }, searchDelay);
  }

  #set(change: Partial<ListState>): void {
    const keys = Object.keys(change) as (keyof ListState)[];
    if (keys.every((key) => change[key] === this.#state[key])) return;
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}
