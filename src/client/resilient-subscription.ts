import { type Client, CloseCode } from 'graphql-ws/client';
import { backoff } from './backoff.ts';
import { isInternal } from './errors.ts';
import type { SubscriptionRequest } from './resumable-document.ts';
import { Resumption, type SubscriptionResult } from './resumption.ts';

export interface SubscriptionSink {
  next(result: SubscriptionResult): void;
  /** Terminal: a list of GraphQL errors, or what graphql-ws reports about a socket that it does not open again. */
  error(error: unknown): void;
  /** Terminal: the server completed the subscription. */
  complete(): void;
}

export interface ResilientSubscriptionOptions {
  readonly socket: Client;
  readonly request: SubscriptionRequest;
  readonly sink: SubscriptionSink;
  /** Called after a restart that may have missed messages. */
  readonly onGap: () => void;
}

/** The protocol does not acknowledge subscriptions; without an error by then, treat it as active. */
const assumeActiveMs = 1_000;
/** The close code of RFC 6455 for a server that met an unexpected condition. */
const unexpectedCondition = 1011;
/** The API's error for the close code 4403. */
const unauthenticated = {
  message: 'The server does not accept the token.',
  extensions: { code: 'UNAUTHENTICATED' },
};

/**
 * Resubscribes after every transient failure. graphql-ws resumes over lost sockets but treats `error` messages and some
 * close codes as final; some of those are transient here (the server lost its database). Resumes after the last value
 * seen; calls `onGap` when it cannot know what it missed.
 */
export class ResilientSubscription {
  readonly #options: ResilientSubscriptionOptions;
  readonly #resumption: Resumption;
  #retries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #leaveAttempt = () => {};

  constructor(options: ResilientSubscriptionOptions) {
    this.#options = options;
    this.#resumption = new Resumption(options.request);
    this.#attempt();
  }

  /** Ends the subscription without calling its sink. */
  close(): void {
    clearTimeout(this.#timer);
    this.#leaveAttempt();
  }

  #attempt(): void {
    // After `unsubscribe`, graphql-ws still completes the sink, and may deliver messages that were under way.
    let left = false;
    const unsubscribe = this.#options.socket.subscribe<Record<string, unknown>>(this.#resumption.payload, {
      next: (result) => {
        if (!left) this.#onResult(result);
      },
      error: (error) => {
        if (!left) this.#onError(error);
      },
      complete: () => {
        if (!left) this.#end((sink) => sink.complete());
      },
    });
    this.#leaveAttempt = () => {
      if (left) return;
      left = true;
      unsubscribe();
    };
  }

  #onResult(result: SubscriptionResult): void {
    const disposition = this.#resumption.filter(result);
    const { errors, data } = result;
    if (disposition === 'lost') {
      this.#retry();
    } else if (errors && isEmpty(data)) {
      // A null result cannot be recovered by resuming. End here, or the next revision would hide the gap.
      this.#end((sink) => sink.error(errors));
    } else if (disposition === 'new') {
      this.#retries = 0;
      this.#options.sink.next(result);
    }
  }

  #onError(error: unknown): void {
    if (isTransient(error)) this.#retry();
    else this.#end((sink) => sink.error(isForbidden(error) ? [unauthenticated] : error));
  }

  #retry(): void {
    this.close();
    this.#timer = setTimeout(
      () => {
        this.#attempt();
        if (!this.#resumption.resumes) this.#timer = setTimeout(this.#options.onGap, assumeActiveMs);
      },
      backoff(this.#retries++),
    );
  }

  #end(callSink: (sink: SubscriptionSink) => void): void {
    this.close();
    callSink(this.#options.sink);
  }
}

/** Whether an error of graphql-ws is a socket that was closed because the server does not accept the token. */
export function isForbidden(error: unknown): boolean {
  return closeCode(error) === CloseCode.Forbidden;
}

function isTransient(error: unknown): boolean {
  if (Array.isArray(error)) return error.some(isInternal);
  const code = closeCode(error);
  return code === CloseCode.InternalServerError || code === unexpectedCondition;
}

function closeCode(event: unknown): unknown {
  return (event as { code?: unknown } | null | undefined)?.code;
}

function isEmpty(data: Record<string, unknown> | null | undefined): boolean {
  return Object.values(data ?? {}).every((value) => value === null);
}
