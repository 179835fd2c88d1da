import type { FormattedExecutionResult } from 'graphql';
import type { SubscribePayload } from 'graphql-ws/client';
import { isInternal } from './errors.ts';
import {
  afterVariable,
  positionAlias,
  type SubscriptionRequest,
  toResumableDocument,
  type Variables,
} from './resumable-document.ts';

/** The payload of a `next` message. */
export type SubscriptionResult = FormattedExecutionResult<Record<string, unknown>, unknown>;

/**
 * What to do with a `next` message. `new`: pass it on. `seen`: drop it, because it was passed on before. `lost`: the server
 * failed to render it; resubscribe, because the next message would hide the gap.
 */
export type Disposition = 'new' | 'seen' | 'lost';

/**
 * The position of one subscription in the stream that it reads. A subscription to `taskUpdated` or
 * `transcriptUpdated` resumes after the last revision or sequence seen: its document is rewritten to ask for that, and what the rewriting adds is removed from results. Any other
 * subscription continues with whatever comes next.
 */
export class Resumption {
  /** What to send each time that the subscription starts. Its variables contain the position at that time. */
  readonly payload: SubscribePayload;
  /** False when a restart loses what happened since the last message. */
  readonly resumes: boolean;
  readonly #responseKey: string | undefined;
  /** The last revision or sequence seen. */
  #position: number | null;
  /** Whether a message has come. The first one may be at the position that the request has given. */
  #begun = false;

  constructor(request: SubscriptionRequest) {
    const document = toResumableDocument(request);
    this.resumes = document !== undefined;
    this.#responseKey = document?.responseKey;
    this.#position = document?.after ?? null;
    const variables = () =>
      document ? { ...request.variables, [afterVariable]: this.#position } : (request.variables ?? {});
    this.payload = {
      ...request,
      query: document?.query ?? request.query,
      // graphql-ws reads this again whenever it resubscribes on a new socket.
      get variables(): Variables {
        return variables();
      },
    };
  }

  /** Decides on a message, and moves the position when it is new. Removes from its data what the rewriting added. */
  filter(result: SubscriptionResult): Disposition {
    if (result.errors?.some(isInternal)) return 'lost';
    if (this.#responseKey === undefined) return 'new';
    const message = result.data?.[this.#responseKey] as Record<string, unknown> | null | undefined;
    const position = message?.[positionAlias];
    if (typeof position !== 'number') return 'new';
    delete message?.[positionAlias];
    if (this.#position !== null && (this.#begun ? position <= this.#position : position < this.#position))
      return 'seen';
    this.#position = position;
    this.#begun = true;
    return 'new';
  }
}
