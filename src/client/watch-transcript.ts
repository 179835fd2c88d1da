import { backoff } from './backoff.ts';
import type { Connection } from './connection.ts';
import { GroundcrewError } from './errors.ts';
import {
  TranscriptPageDocument,
  type TranscriptPageQuery,
  TranscriptUpdatedDocument,
} from './generated/graphql.ts';
import { type Transcript, TranscriptAssembly, TranscriptHoleError } from './transcript.ts';
import { subscribe } from './watch.ts';
import { WatchIterator } from './watch-iterator.ts';

export interface TranscriptWatchOptions {
  readonly connection: Connection;
  readonly sessionId: string;
  /** Whether to yield the end of the transcript while its beginning is still being read. */
  readonly newestFirst: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Milliseconds until a page is asked for again that the server has refused for now. */
const rateLimitPauseMs = 5_000;

type Page = Extract<NonNullable<TranscriptPageQuery['node']>, { __typename: 'Session' }>;

/** Iterates over what a session's transcript is after each change. Changes that nobody has asked for yet are merged. */
export function watchTranscript(options: TranscriptWatchOptions): WatchIterator<Transcript> {
  let reader: TranscriptReader | undefined;
  const { signal } = options;
  const transcripts = new WatchIterator<Transcript>({
    signal,
    newestOnly: true,
    onLeave: () => reader?.close(),
  });
  if (!transcripts.ended) reader = new TranscriptReader(options, transcripts);
  return transcripts;
}

/**
 * Reads the last page, subscribes after it, and reads the other pages meanwhile, from the end to the beginning. All of that
 * goes over the socket, not through Graphcache, which would keep every version of every text.
 */
class TranscriptReader {
  readonly #options: TranscriptWatchOptions;
  readonly #transcripts: WatchIterator<Transcript>;
  #restarts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pageTimer: ReturnType<typeof setTimeout> | undefined;
  #leaveSubscription = () => {};
  #leavePage = () => {};

  constructor(options: TranscriptWatchOptions, transcripts: WatchIterator<Transcript>) {
    this.#options = options;
    this.#transcripts = transcripts;
    this.#start();
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#pageTimer);
    this.#leaveSubscription();
    this.#leavePage();
  }

  #start(): void {
    this.#readPage(null, (page) => {
      const assembly = new TranscriptAssembly(page.sequence);
      this.#subscribe(assembly);
      this.#addPage(assembly, page);
    });
  }

  #readPage(before: string | null, onPage: (page: Page) => void): void {
    const { connection, sessionId } = this.#options;
    let received = false;
    this.#leavePage = subscribe({
      connection,
      document: TranscriptPageDocument,
      variables: { sessionId, before },
      onData: ({ node }) => {
        // A socket that is lost before the server has completed the query brings the page again. The query is not left here:
        // graphql-ws counts one that is left while its completion is on the way as two, and closes the socket for it.
        if (received) return;
        received = true;
        if (node?.__typename === 'Session') this.#guard(() => onPage(node));
        else this.#transcripts.fail(new GroundcrewError('The session was not found.', { code: 'NOT_FOUND' }));
      },
      onError: (error) => {
        // A long transcript may cost more points than a token has in a window: its pages go on in a later one.
        if (error instanceof GroundcrewError && error.code === 'RATE_LIMITED')
          this.#pageTimer = setTimeout(() => this.#readPage(before, onPage), rateLimitPauseMs);
        else this.#fail(error);
      },
      // Only a client that is closed completes a query that has brought nothing.
      onComplete: () => {
        if (!received) this.#end();
      },
    });
  }

  #addPage(assembly: TranscriptAssembly, { items }: Page): void {
    const { hasPreviousPage, startCursor } = items.pageInfo;
    assembly.addPage(items.nodes, !hasPreviousPage);
    this.#show(assembly);
    if (hasPreviousPage) this.#readPage(startCursor, (page) => this.#addPage(assembly, page));
  }

  #subscribe(assembly: TranscriptAssembly): void {
    const { connection, sessionId } = this.#options;
    this.#leaveSubscription = subscribe({
      connection,
      document: TranscriptUpdatedDocument,
      variables: { sessionId, afterSequence: assembly.sequence },
      onData: ({ transcriptUpdated: update }) =>
        this.#guard(() => {
          const before = assembly.sequence;
          assembly.apply(update);
          this.#restarts = 0;
          if (assembly.sequence > before) this.#show(assembly);
        }),
      onError: (error) => this.#fail(error),
      onComplete: () => this.#end(),
    });
  }

  #show(assembly: TranscriptAssembly): void {
    if (assembly.isWhole || this.#options.newestFirst) this.#transcripts.push(assembly.transcript);
  }

  /** Reads the transcript again when something is missing in what was received of it. */
  #guard(apply: () => void): void {
    try {
      apply();
    } catch (error) {
      if (!(error instanceof TranscriptHoleError)) throw error;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(
        () => {
          this.close();
          this.#start();
        },
        backoff(this.#restarts++),
      );
    }
  }

  #fail(error: unknown): void {
    this.close();
    this.#transcripts.fail(error);
  }

  #end(): void {
    this.close();
    this.#transcripts.end();
  }
}
