import type { ErrorDescription } from '../../tasks/domain/error-codes.ts';

/** Service Restart: the server stops. */
export const serviceRestart = 1012;

/**
 * Try Again Later: for slow readers and while authentication is unavailable. Clients reconnect after it; the protocol's 44xx
 * codes are mostly fatal.
 */
export const tryAgainLater = 1013;

/** Forbidden: the credential opens nothing, or not any more. */
export const forbidden = 4403;

/** Every code with which the server closes a WebSocket: below 4000 by RFC 6455, from 4000 by graphql-transport-ws. */
export const closeCodes = {
  1002: {
    when: 'The client sent a frame that violates the WebSocket protocol.',
    remedy: 'Correct the client, or the proxy between client and server.',
  },
  1007: {
    when: 'The client sent a message that is not valid UTF-8.',
    remedy: 'Send JSON in UTF-8.',
  },
  1008: {
    when: 'The client sent a message in too many fragments.',
    remedy: 'Send a message in one frame.',
  },
  1009: {
    when: 'The client sent a message that is larger than 64 KiB.',
    remedy: 'Send large inputs with POST /graphql.',
  },
  [serviceRestart]: {
    when: 'The server is stopping.',
    remedy: 'Reconnect. Subscriptions continue without a gap with `afterRevision`.',
  },
  [tryAgainLater]: {
    when: 'The client read too slowly, or the server could not check the token.',
    remedy: 'Reconnect after a pause. Subscriptions continue without a gap with `afterRevision`.',
  },
  4400: {
    when: 'The client sent a message that is not valid in graphql-transport-ws.',
    remedy: 'Correct the client.',
  },
  4401: {
    when: 'The client sent `subscribe` before the server had acknowledged `connection_init`.',
    remedy: 'Wait for `connection_ack` before the first `subscribe`.',
  },
  [forbidden]: {
    when: 'The connection has no valid token, or its token was revoked or has expired.',
    remedy: 'Reconnect with a valid token. Subscriptions continue without a gap with `afterRevision`.',
  },
  4406: {
    when: 'The client does not offer the subprotocol graphql-transport-ws.',
    remedy: 'Use a client for graphql-transport-ws. The older protocol graphql-ws is not supported.',
  },
  4408: {
    when: 'The client did not send `connection_init` within 3 seconds.',
    remedy: 'Send `connection_init` as soon as the socket is open.',
  },
  4409: {
    when: 'The client sent `subscribe` with the id of a running operation.',
    remedy: 'Use a new id for each operation.',
  },
  4429: {
    when: 'The client sent `connection_init` more than once.',
    remedy: 'Send `connection_init` once per socket.',
  },
  4500: {
    when: 'The server failed while it handled a message. Details are only in its log.',
    remedy: 'Reconnect. If it keeps failing, ask the operator to read the log.',
  },
} as const satisfies Readonly<Record<number, ErrorDescription>>;

export type CloseCode = keyof typeof closeCodes;
