import { type Lease, LeaseLostError } from '../tasks/store.ts';

export interface Hold {
  readonly taskId: string;
  /** Aborts when somebody else has the task, or nobody may. */
  readonly lost: AbortSignal;
  /** Resolves when it shows whether the task was taken; null: it was not. */
  readonly settled: Promise<Lease | null>;
  /** Resolves when this process has let go of the task. */
  readonly ended: Promise<void>;
  /** Null until the task was taken. */
  readonly lease: Lease | null;
  taken(lease: Lease): void;
  end(): void;
}

/** The tasks that this process works on, each with how to stop it. */
export class Holds {
  readonly #holds = new Map<string, Hold & { controller: AbortController; suspect: boolean }>();

  /** Before the task is taken, so that nothing can happen to it unseen. There must be no other hold of it. */
  begin(taskId: string): Hold {
    const controller = new AbortController();
    const settled = Promise.withResolvers<Lease | null>();
    const ended = Promise.withResolvers<void>();
    const hold = {
      taskId,
      controller,
      suspect: false,
      lost: controller.signal,
      settled: settled.promise,
      ended: ended.promise,
      lease: null as Lease | null,
      taken: (lease: Lease) => {
        hold.lease = lease;
        settled.resolve(lease);
      },
      end: () => {
        this.#holds.delete(taskId);
        settled.resolve(null);
        ended.resolve();
      },
    };
    this.#holds.set(taskId, hold);
    return hold;
  }

  get(taskId: string): Hold | undefined {
    return this.#holds.get(taskId);
  }

  leases(): Lease[] {
    return [...this.#holds.values()].flatMap(({ lease }) => lease ?? []);
  }

  /** Says whether the task is suspect of killing its workers. False: another one is, and this one may not be it too. */
  setSuspect(taskId: string, suspect: boolean): boolean {
    const hold = this.#holds.get(taskId);
    if (suspect && [...this.#holds.values()].some((other) => other !== hold && other.suspect)) return false;
    if (hold) hold.suspect = suspect;
    return true;
  }

  /** Stops the work on the task when its epoch by now is higher than the one that it is held under. */
  lost(taskId: string, epoch: number): void {
    const hold = this.#holds.get(taskId);
    if (hold?.lease && epoch > hold.lease.epoch) {
      hold.controller.abort(new LeaseLostError(`lease of ${taskId} is gone`));
    }
  }
}
