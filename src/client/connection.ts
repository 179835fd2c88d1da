import { type Client, createClient, MessageType, stringifyMessage } from 'graphql-ws/client';
import { backoff } from './backoff.ts';
import { isForbidden, ResilientSubscription, type SubscriptionSink } from './resilient-subscription.ts';
import type { SubscriptionRequest } from './resumable-document.ts';

export interface ConnectionOptions {
  /** The URL of the API's `/graphql`, with the protocol `http:` or `https:`. */
  readonly endpoint: URL;
  /** Returns the payload of `connection_init`, with the credentials if there are any. Called for each new socket. */
  readonly authorization: () => Promise<Record<string, string>>;
  /** Whether `authorization` may return another value after one was rejected. If not, a rejection ends subscriptions. */
  readonly authorizationMayChange: boolean;
  /** Called when changes may have been missed (lists cannot resume). */
  readonly onGap: () => void;
}

/** `lost`: something is subscribed, and the socket is being opened again. `idle`: nothing is subscribed, or not open yet. */
export type ConnectionState = 'idle' | 'connected' | 'lost';

/** Both members can be passed on alone, to React's `useSyncExternalStore` for instance. */
export interface ConnectionStatus {
  readonly getState: () => ConnectionState;
  /** Calls the listener after each change of the state. Returns the function that ends that. */
  readonly onChange: (listener: () => void) => () => void;
  /**
   * Asks the server for a sign of life, and opens a new socket when none comes within two seconds. Subscriptions resume. For
   * moments at which a socket may be dead without having said so: the network has changed, or the computer has slept.
   * Otherwise a dead socket is noticed within twenty seconds.
   */
  readonly check: () => void;
}

/** Between two pings; also the limit for the answer to one, and for the opening of a socket. */
const pingMs = 10_000;
/** For the answer to a ping that `check` sends. */
const checkMs = 2_000;

/** A client's one WebSocket: open while something is subscribed, and reopened after every loss. */
export class Connection implements ConnectionStatus {
  readonly #options: ConnectionOptions;
  readonly #socket: Client;
  /** Each completes one open subscription. */
  readonly #subscriptions = new Set<() => void>();
  readonly #closing = new AbortController();
  #wasConnected = false;
  /** The current socket, once it is open and authenticated. */
  #acknowledged: WebSocket | undefined;
  #state: ConnectionState = 'idle';
  readonly #listeners = new Set<() => void>();
  /** Until a sign of life: that a socket opens, or that a ping is answered. */
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#socket = this.#createSocket();
  }

  readonly getState = (): ConnectionState => this.#state;

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly check = (): void => {
    if (this.#acknowledged?.readyState !== WebSocket.OPEN) return;
    this.#acknowledged.send(stringifyMessage({ type: MessageType.Ping }));
    this.#terminateAfter(checkMs);
  };

  #terminateAfter(ms: number): void {
    this.#endSilence();
    this.#silence = setTimeout(() => this.#socket.terminate(), ms);
  }

  #endSilence(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }

  #setState(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }

  /** Returns the function that ends the subscription without calling its sink. */
  subscribe(request: SubscriptionRequest, sink: SubscriptionSink): () => void {
    if (this.#closing.signal.aborted) {
      sink.error(new Error('The client is closed.'));
      return () => {};
    }
    const ended = () => {
      this.#subscriptions.delete(complete);
      if (this.#subscriptions.size === 0 && !this.#acknowledged) this.#setState('idle');
    };
    const subscription = new ResilientSubscription({
      socket: this.#socket,
      request,
      onGap: this.#options.onGap,
      sink: {
        next: sink.next,
        error: (error) => {
          ended();
          sink.error(error);
        },
        complete: () => {
          ended();
          sink.complete();
        },
      },
    });
    const complete = () => {
      subscription.close();
      sink.complete();
    };
    this.#subscriptions.add(complete);
    return () => {
      ended();
      subscription.close();
    };
  }

  /** Completes all subscriptions and closes the socket, in whatever state the server is. Later subscriptions fail. */
  async close(): Promise<void> {
    // Before the abort, which ends the wait of a retry: graphql-ws then opens no socket, as nothing is subscribed.
    for (const complete of this.#subscriptions) complete();
    this.#subscriptions.clear();
    this.#closing.abort();
    // `dispose` waits for the socket. One that is still connecting may never open: it is terminated, and the wait rejects.
    const disposed = Promise.resolve(this.#socket.dispose()).catch(() => {});
    if (!this.#acknowledged) this.#socket.terminate();
    await disposed;
    // Clears the timers of a socket whose server does not answer the close frame.
    this.#socket.terminate();
  }

  #createSocket(): Client {
    const { endpoint, authorization, authorizationMayChange, onGap } = this.#options;
    return createClient({
      url: Object.assign(new URL(endpoint), { protocol: endpoint.protocol.replace('http', 'ws') }).href,
      connectionParams: authorization,
      retryAttempts: Number.POSITIVE_INFINITY,
      shouldRetry: (event) => authorizationMayChange || !isForbidden(event),
      retryWait: (retries) => pause(backoff(retries), this.#closing.signal),
      keepAlive: pingMs,
      connectionAckWaitTimeout: pingMs,
      on: {
        // A network that swallows packets raises no event, neither while a socket is opened nor later.
        connecting: () => this.#terminateAfter(pingMs),
        opened: () => this.#endSilence(),
        connected: (socket, _payload, wasRetry) => {
          if (wasRetry && this.#wasConnected) onGap();
          this.#wasConnected = true;
          this.#acknowledged = socket as WebSocket;
          this.#setState('connected');
        },
        ping: (received) => {
          // A check that is under way ends sooner.
          if (!received && !this.#silence) this.#terminateAfter(pingMs);
        },
        pong: (received) => {
          if (received) this.#endSilence();
        },
        closed: () => {
          this.#acknowledged = undefined;
          this.#endSilence();
          this.#setState(this.#subscriptions.size > 0 ? 'lost' : 'idle');
        },
      },
    });
  }
}

/** Resolves after `ms`, or when the signal aborts. */
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
