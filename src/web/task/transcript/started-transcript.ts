import type { Transcript } from '../../../client/client.ts';
import { groundcrew } from '../../groundcrew.ts';

export interface StartedTranscript {
  readonly transcripts: AsyncIterable<Transcript>;
  /** Ends it when it aborts. */
  readonly leaving: AbortController;
}

let waiting: (StartedTranscript & { readonly sessionId: string }) | undefined;

/** Begins to read a transcript that the page is about to show. */
export function startTranscript(sessionId: string): void {
  waiting?.leaving.abort();
  waiting = { sessionId, ...watch(sessionId) };
}

/** The transcript of a session from its end, and each of its changes: the one that was started, if it was. */
export function takeTranscript(sessionId: string): StartedTranscript {
  const started = waiting;
  waiting = undefined;
  if (started?.sessionId === sessionId) return started;
  started?.leaving.abort();
  return watch(sessionId);
}

function watch(sessionId: string): StartedTranscript {
  const leaving = new AbortController();
  const options = { newestFirst: true, signal: leaving.signal };
  return { transcripts: groundcrew.watchTranscript(sessionId, options), leaving };
}
