import { type Client, CloseCode } from 'graphql-ws';
import { backoff } from './backoff.ts';
import { isInternal } from './errors.ts';
import { resumable, type SubscriptionRequest, type SubscriptionResult } from './resume.ts';

export interface SubscriptionSink {
  next(result: SubscriptionResult): void;
  /** A list of GraphQL errors, or what graphql-ws says of a socket that it won't open again. The last word. */
  error(error: unknown): void;
  /** The last word. */
  complete(): void;
}

/** Milliseconds after which a subscription that was not refused is taken for one that stands: nothing says so. */
const assumeActiveMs = 1_000;
/** By RFC 6455, when a server meets what it did not expect. */
const unexpectedCondition = 1011;

/**
 * A subscription that ends only for a reason that stays. graphql-ws brings it over lost sockets; but to it an `error`
 * message and some close codes are final, and when the server was merely without its database for a moment they are not.
 * Each try goes on behind what was seen. `missed` is called when it goes on without knowing what came meanwhile.
 *
 * What it returns ends it, without a word to the sink.
 */
export function resilientSubscription(
  socket: Client,
  request: SubscriptionRequest,
  sink: SubscriptionSink,
  onGap: () => void,
): () => void {
  const { payload, filter, resumes } = resumable(request);
  let retries = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let leaveTry = () => {};

  const leave = () => {
    clearTimeout(timer);
    leaveTry();
  };
  const begin = () => {
    // graphql-ws completes what was left long ago, and may bring messages that were on their way.
    let left = false;
    const unsubscribe = socket.subscribe<Record<string, unknown>>(payload, {
      next(result) {
        if (left) return;
        const disposition = filter(result);
        if (disposition === 'lost') return tryAgain();
        if (disposition === 'seen') return;
        const { errors, data } = result;
        // Lost for good: what comes behind it would hide it.
        if (errors && isEmpty(data)) return end(() => sink.error(errors));
        retries = 0;
        sink.next(result);
      },
      error(error) {
        if (left) return;
        if (isPassing(error)) tryAgain();
        else end(() => sink.error(isForbidden(error) ? [unauthenticated] : error));
      },
      complete() {
        if (!left) end(() => sink.complete());
      },
    });
    leaveTry = () => {
      if (left) return;
      left = true;
      unsubscribe();
    };
  };
  const end = (lastWord: () => void) => {
    leave();
    lastWord();
  };
  const tryAgain = () => {
    leave();
    timer = setTimeout(() => {
      begin();
      if (!resumes) timer = setTimeout(onGap, assumeActiveMs);
    }, backoff(retries++));
  };
  begin();
  return leave;
}

/** The code of the API for what the server closes with 4403. */
const unauthenticated = {
  message: 'The server does not accept the token.',
  extensions: { code: 'UNAUTHENTICATED' },
};

function isEmpty(data: Record<string, unknown> | null | undefined): boolean {
  return Object.values(data ?? {}).every((value) => value === null);
}

function isPassing(error: unknown): boolean {
  if (Array.isArray(error)) return error.some(isInternal);
  const code = closeCode(error);
  return code === CloseCode.InternalServerError || code === unexpectedCondition;
}

export function isForbidden(error: unknown): boolean {
  return closeCode(error) === CloseCode.Forbidden;
}

function closeCode(event: unknown): unknown {
  return (event as { code?: unknown } | null | undefined)?.code;
}
