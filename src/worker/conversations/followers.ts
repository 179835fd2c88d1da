import { isConnectionError } from '../../db/connection-error.ts';
import { retryWhileUnavailable } from '../../db/retry.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { runEvery } from '../../run-every.ts';
import type { Providers } from '../../sandbox/registry.ts';
import type { Database } from '../../tables/database.ts';
import { type Connection, FollowLostError } from '../../tasks/domain/transcript/connection.ts';
import { countRestarts } from '../../tasks/store/conversation-changes.ts';
import {
  type FollowedConversation,
  followConversations,
  followLeasesOf,
  releaseConversation,
  releaseConversationsOf,
} from '../../tasks/store/conversations.ts';
import { findPendingWork } from '../../tasks/store/pending-work.ts';
import type { WakeUpListener } from '../../tasks/store/wake-up-listener.ts';
import { canEndAgent, restartAgent } from './agent-restart.ts';
import { Follower } from './follower.ts';
import { TranscriptWriter } from './transcript-writer.ts';

export interface FollowersOptions {
  readonly db: Database;
  readonly listener: WakeUpListener;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly providers: Providers;
  /** Of the sandboxes that this worker reaches. */
  readonly locations: readonly string[];
  workerId(): string;
}

/** Milliseconds between two looks for sessions that nobody follows, and for what a lost notification has told. */
const lookMs = 500;
/** Sessions that are taken by one statement, so that several workers share them. */
const takenAtOnce = 20;
/** An agent that was started again this often in a minute is given up. */
const maxRestarts = 5;

interface Following {
  readonly conversation: FollowedConversation;
  readonly follower: Follower;
  readonly lost: AbortController;
  readonly ended: Promise<void>;
}

/** The sessions that this worker follows, each with its follower. */
export class Followers {
  readonly #options: FollowersOptions;
  readonly #writer: TranscriptWriter;
  readonly #secrets: readonly string[];
  readonly #following = new Map<string, Following>();
  readonly #stopping = new AbortController();
  #looking: Promise<void> | undefined;
  /** A take that has not begun yet. */
  #taking: Promise<void> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #unsubscribe = () => {};

  constructor(options: FollowersOptions) {
    this.#options = options;
    this.#writer = new TranscriptWriter(options.db, options.metrics);
    const { providers } = options;
    this.#secrets = providers.names.flatMap((name) => providers.get(name)?.secrets?.() ?? []);
  }

  start(): void {
    const { listener, logger } = this.#options;
    this.#unsubscribe = listener.subscribe({
      wakeUp: ({ taskId }) => {
        for (const { conversation, follower } of this.#following.values()) {
          if (conversation.taskId === taskId) follower.hint();
        }
      },
      followable: () => void this.#takeSoon(),
    });
    this.#looking = runEvery(
      lookMs,
      this.#stopping.signal,
      () => this.#look(),
      (error) => {
        const level = isConnectionError(error) ? 'debug' : 'error';
        logger[level]({ err: error }, 'could not look for sessions to follow');
      },
    );
  }

  /** Gives all sessions back. */
  async stop(): Promise<void> {
    const { db, workerId } = this.#options;
    this.#stopping.abort(new Error('The worker is stopping.'));
    this.#unsubscribe();
    for (const { lost } of this.#following.values()) lost.abort(this.#stopping.signal.reason);
    await Promise.all([this.#looking, this.#turn, ...this.#following.values().map(({ ended }) => ended)]);
    await releaseConversationsOf(db, workerId());
  }

  async #takeSoon(): Promise<void> {
    await this.#take().catch(() => {}); // the next look repeats it
  }

  /** Takes all sessions that nobody follows. */
  #take(): Promise<void> {
    // Those who wait for the same turn share it.
    this.#taking ??= this.#inTurn(async () => {
      this.#taking = undefined;
      while (await this.#takeSome());
    });
    return this.#taking;
  }

  /** Reads of the leases, and takes, one after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #look(): Promise<void> {
    const { db, workerId } = this.#options;
    const id = workerId();
    // What is being taken at this moment is believed and stored only after it.
    const { believed, stored } = await this.#inTurn(async () => ({
      believed: [...this.#following.values()],
      stored: new Map((await followLeasesOf(db, id)).map((lease) => [lease.sessionId, lease.epoch])),
    }));
    for (const { conversation, lost } of believed) {
      const { sessionId, epoch } = conversation.lease;
      if (stored.get(sessionId) !== epoch) lost.abort(new FollowLostError(`${sessionId} is lost.`));
    }
    for (const [sessionId, epoch] of stored) {
      // Taken by a statement whose reply was lost.
      if (!this.#following.has(sessionId)) await releaseConversation(db, { sessionId, epoch });
    }
    for (const sessionId of await findPendingWork(db, [...this.#following.keys()])) {
      this.#following.get(sessionId)?.follower.hint();
    }
    await this.#take();
  }

  /** Whether there may be more. */
  async #takeSome(): Promise<boolean> {
    const { db, locations, workerId } = this.#options;
    if (this.#stopping.signal.aborted) return false;
    const taken = await followConversations(db, workerId(), locations, takenAtOnce);
    for (const conversation of taken) this.#follow(conversation);
    return taken.length === takenAtOnce;
  }

  #follow(conversation: FollowedConversation): void {
    const { db, logger, metrics } = this.#options;
    const { sessionId } = conversation.lease;
    const lost = new AbortController();
    if (this.#stopping.signal.aborted) lost.abort(this.#stopping.signal.reason);
    const earlier = this.#following.get(sessionId);
    earlier?.lost.abort(new FollowLostError(`${sessionId} was taken again.`));
    const follower = new Follower({
      db,
      logger,
      metrics,
      writer: this.#writer,
      conversation,
      secrets: this.#secrets,
      signal: lost.signal,
      canEndAgent: () => canEndAgent(this.#options, conversation),
      restartAgent: (endsProcess, signal) => this.#restart(conversation, endsProcess, signal),
    });
    const following: Following = {
      conversation,
      follower,
      lost,
      ended: this.#run(follower, conversation).finally(() => {
        if (this.#following.get(sessionId) === following) this.#following.delete(sessionId);
      }),
    };
    this.#following.set(sessionId, following);
  }

  async #restart(
    conversation: FollowedConversation,
    endsProcess: boolean,
    signal: AbortSignal,
  ): Promise<Connection> {
    const { db } = this.#options;
    const { sessionId } = conversation.lease;
    if ((await retryWhileUnavailable(() => countRestarts(db, sessionId), signal)) >= maxRestarts) {
      throw Object.assign(new Error('The agent ends each time that it is started.'), {
        code: 'AGENT_FAILED',
      });
    }
    return restartAgent(this.#options, conversation, endsProcess, signal);
  }

  async #run(follower: Follower, { lease }: FollowedConversation): Promise<void> {
    const { db, logger } = this.#options;
    const { sessionId } = lease;
    try {
      await follower.run();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      if (error instanceof FollowLostError) logger.debug({ sessionId }, error.message);
      else logger.error({ err: error, sessionId }, 'a session could not be followed; it is taken again');
    }
    // Whoever takes it next begins from what is stored.
    await releaseConversation(db, lease).catch((error: unknown) => {
      logger.debug({ err: error, sessionId }, 'a session could not be given back; the next look will');
    });
    void this.#takeSoon();
  }
}
