import { createClient } from 'graphql-ws';
import { backoff } from './backoff.ts';
import { isForbidden, resilientSubscription, type SubscriptionSink } from './resilient-subscription.ts';
import type { SubscriptionRequest } from './resume.ts';

/** The one socket of a client, opened while something is subscribed, and again for as long as it takes. */
export interface Connection {
  /** What it returns ends the subscription, without a word to the sink. */
  subscribe(request: SubscriptionRequest, sink: SubscriptionSink): () => void;
  /** Completes all subscriptions. Later ones fail, and open no socket. */
  close(): Promise<void>;
}

interface ConnectionOptions {
  /** `http://…/graphql`, or with https. */
  readonly endpoint: URL;
  /** Asked anew for each socket. */
  readonly authorization: () => Promise<string>;
  /** Whether another one may be accepted where one was refused. Else a refusal ends the subscriptions. */
  readonly authorizationMayChange: boolean;
  /** Something may have changed that no subscription has told. */
  readonly onGap: () => void;
}

/** Milliseconds. */
const pingMs = 10_000;

export function openConnection(options: ConnectionOptions): Connection {
  const { endpoint, authorization, authorizationMayChange, onGap } = options;
  const subscriptions = new Set<() => void>();
  const closing = new AbortController();
  let connectedBefore = false;
  let acknowledged = false;
  let unanswered: ReturnType<typeof setTimeout> | undefined;

  const socket = createClient({
    url: Object.assign(new URL(endpoint), { protocol: endpoint.protocol.replace('http', 'ws') }).href,
    connectionParams: async () => ({ authorization: await authorization() }),
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: (event) => authorizationMayChange || !isForbidden(event),
    retryWait: (retries) => pause(backoff(retries), closing.signal),
    keepAlive: pingMs,
    on: {
      connected: (_socket, _payload, wasRetry) => {
        if (wasRetry && connectedBefore) onGap();
        connectedBefore = true;
        acknowledged = true;
      },
      // A connection that has gone silent gives no event: without an answer to a ping it is given up.
      ping: (received) => {
        if (!received) unanswered = setTimeout(() => socket.terminate(), pingMs);
      },
      pong: (received) => {
        if (received) clearTimeout(unanswered);
      },
      closed: () => {
        acknowledged = false;
        clearTimeout(unanswered);
      },
    },
  });

  return {
    subscribe(request, sink) {
      if (closing.signal.aborted) {
        sink.error(new Error('the client is closed'));
        return () => {};
      }
      const over = () => subscriptions.delete(complete);
      const leave = resilientSubscription(
        socket,
        request,
        {
          next: sink.next,
          error: (error) => {
            over();
            sink.error(error);
          },
          complete: () => {
            over();
            sink.complete();
          },
        },
        onGap,
      );
      const complete = () => {
        leave();
        sink.complete();
      };
      subscriptions.add(complete);
      return () => {
        over();
        leave();
      };
    },
    async close() {
      // In this order: graphql-ws opens no further socket once it is woken up and nothing is subscribed any more.
      for (const complete of subscriptions) complete();
      subscriptions.clear();
      closing.abort();
      // It waits for the socket, also for one that is being opened, and with an answer that may never come: that one is
      // given up below, and the waiting fails.
      const disposed = Promise.resolve(socket.dispose()).catch(() => {});
      if (!acknowledged) socket.terminate();
      await disposed;
      // Ends the timers of a socket whose server does not answer the closing.
      socket.terminate();
    },
  };
}

/** Ends early at the signal, and leaves no timer. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
