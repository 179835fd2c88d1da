import type { TranscriptUpdate } from '../tasks/domain/transcript/item.ts';
import { Subscription } from './subscription.ts';

/** Reads that a topic keeps for subscribers that are nearly up to date. The others are part of the next read. */
const maxBacklog = 8;

/** The updates of one read, by the number that each begins at. All end at the same one. */
type ReadUpdates = ReadonlyMap<number, TranscriptUpdate>;

export interface TranscriptTopicOptions {
  readonly sessionId: string;
  /** Called when there is something to read. */
  readonly onGap: () => void;
  readonly onUnused: () => void;
}

/**
 * One transcript that is watched in this process. A read covers the watermark and each position at which a subscriber waits,
 * in one statement, so that all subscribers stand at the same number after it: they share every later update. There is no
 * seam between replay and live, because both are the same read.
 */
export class TranscriptTopic {
  readonly #options: TranscriptTopicOptions;
  readonly #subscriptions = new Set<Subscription<TranscriptUpdate>>();
  /** The newest reads, oldest first. */
  #backlog: ReadUpdates[] = [];
  /** How many reads the backlog had at the previous eviction pass. */
  #backlogAtLastEviction = 0;
  /** Positions that the next read must cover in addition to the watermark, and whom to tell. */
  readonly #wanted = new Map<number, PromiseWithResolvers<void>>();
  #watermark: number;
  /** The newest number that is said to exist. */
  #announced: number;

  /** `sequence` is the transcript's at some moment after the topic began to receive announcements. */
  constructor(options: TranscriptTopicOptions, sequence: number) {
    this.#options = options;
    this.#watermark = sequence;
    this.#announced = sequence;
  }

  get sessionId(): string {
    return this.#options.sessionId;
  }

  get hasGap(): boolean {
    return this.#announced > this.#watermark || this.#wanted.size > 0;
  }

  announce(sequence: number): void {
    // Not Math.max: a wake-up may say anything, and NaN would hide all later announcements.
    if (sequence > this.#announced) this.#announced = sequence;
    if (this.hasGap) this.#options.onGap();
  }

  /** The numbers from which the next read must begin. */
  positionsToRead(): number[] {
    return [...new Set([this.#watermark, ...this.#wanted.keys()])];
  }

  /** Takes the updates of one read, one for each position that it was asked for. */
  publish(updates: readonly TranscriptUpdate[]): void {
    const sequence = updates[0]?.sequence ?? this.#watermark;
    const byPosition = new Map(updates.map((update) => [update.fromSequence, update]));
    this.#backlog.push(byPosition);
    if (this.#backlog.length > maxBacklog) {
      this.#backlog.shift();
      this.#backlogAtLastEviction = Math.max(0, this.#backlogAtLastEviction - 1);
    }
    this.#watermark = Math.max(this.#watermark, sequence);
    // What was announced beyond that does not exist: anybody may notify.
    this.#announced = this.#watermark;
    for (const position of byPosition.keys()) {
      this.#wanted.get(position)?.resolve();
      this.#wanted.delete(position);
    }
    for (const subscription of this.#subscriptions) subscription.wake();
  }

  /** Evicts the reads that were there at the previous pass; slow subscribers are part of a later read. */
  evict(): boolean {
    this.#backlog.splice(0, this.#backlogAtLastEviction);
    this.#backlogAtLastEviction = this.#backlog.length;
    return this.#backlog.length > 0;
  }

  /** First what has changed after that number, also when nothing has; then each later change. */
  subscribe(after: number): Subscription<TranscriptUpdate> {
    let position = after;
    let isFirst = true;
    let firstRead: TranscriptUpdate | undefined;
    const subscription: Subscription<TranscriptUpdate> = new Subscription<TranscriptUpdate>({
      takeNext: () => {
        const update = isFirst ? firstRead : this.#updateAfter(position);
        if (!update) return undefined;
        isFirst = false;
        firstRead = undefined;
        position = update.sequence;
        return update;
      },
      isBehind: () => isFirst || position < this.#watermark,
      catchUp: async () => {
        await this.#readFrom(position);
        if (isFirst) firstRead = this.#backlog.findLast((read) => read.has(position))?.get(position);
      },
      close: () => {
        this.#subscriptions.delete(subscription);
        if (this.#subscriptions.size === 0) this.#options.onUnused();
      },
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** The newest update that begins there and leads on. */
  #updateAfter(position: number): TranscriptUpdate | undefined {
    if (position >= this.#watermark) return undefined;
    return this.#backlog.findLast((read) => read.has(position))?.get(position);
  }

  #readFrom(position: number): Promise<void> {
    let wanted = this.#wanted.get(position);
    if (!wanted) {
      wanted = Promise.withResolvers<void>();
      this.#wanted.set(position, wanted);
      this.#options.onGap();
    }
    return wanted.promise;
  }
}
