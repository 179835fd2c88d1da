import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { AddressRefusedError, guardedLookup, isPublicAddress, literalAddress } from './addresses.ts';
import { type Message, signedHeaders } from './signature.ts';

export interface Receiver {
  readonly url: string;
  /** Each signs. */
  readonly secrets: readonly string[];
}

/** How an attempt ended. */
export interface Outcome {
  readonly accepted: boolean;
  /** Of HTTP; null when there was no answer. */
  readonly status: number | null;
  /** Why it was not accepted, in a sentence for users. Contains nothing that the receiver sent but its status. */
  readonly error: string | null;
}

/** Milliseconds from the start of the connection to the answer's headers. */
const answerTimeoutMs = 10_000;
/** Bytes of an answer's body that are read, for the sake of receivers that fail when nobody reads; then the connection ends. */
const maxAnswer = 16_384;

/** Sends messages to receivers. Each attempt has a connection of its own, and none goes through a proxy. */
export class MessageSender {
  readonly #allowPrivate: boolean;
  // Agents of our own: those of Node may take a proxy from the environment, which would connect to what is refused here.
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor({ allowPrivate }: { readonly allowPrivate: boolean }) {
    this.#allowPrivate = allowPrivate;
    const options = { keepAlive: false, lookup: guardedLookup(allowPrivate) };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  /**
   * Makes one attempt; an answer of 2xx within 10 seconds accepts the message. Redirects are not followed: they could lead to
   * an address that is refused. Rejects only when `signal` aborts, and then nobody knows whether the message has arrived.
   */
  async send(receiver: Receiver, message: Message, signal: AbortSignal): Promise<Outcome> {
    const timeout = AbortSignal.timeout(answerTimeoutMs);
    try {
      const answer = await this.#request(receiver, message, AbortSignal.any([signal, timeout]));
      await discard(answer);
      return outcomeOf(answer.statusCode ?? 0);
    } catch (error) {
      signal.throwIfAborted();
      return { accepted: false, status: null, error: describe(error, timeout.aborted) };
    }
  }

  #request(
    { url: text, secrets }: Receiver,
    message: Message,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const url = new URL(text);
    const address = literalAddress(url.hostname);
    if (!this.#allowPrivate && (url.protocol !== 'https:' || (address && !isPublicAddress(address)))) {
      throw new AddressRefusedError('The URL of the receiver is not one of a public address with https.');
    }
    const isHttps = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const request = (isHttps ? httpsRequest : httpRequest)(url, {
        method: 'POST',
        agent: isHttps ? this.#https : this.#http,
        signal,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(message.body),
          'user-agent': 'Groundcrew-Webhooks',
          ...signedHeaders(message, secrets, new Date()),
        },
      });
      request.on('response', resolve).on('error', reject).end(message.body);
    });
  }
}

/** Reads a little of the body and ends the connection. The status has been received, so an error does not matter any more. */
async function discard(answer: IncomingMessage): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of answer) {
      bytes += (chunk as Buffer).length;
      if (bytes > maxAnswer) break;
    }
  } catch {
    // The receiver broke the connection, or went on sending until the time was up.
  }
  answer.destroy();
}

function outcomeOf(status: number): Outcome {
  if (status >= 200 && status < 300) return { accepted: true, status, error: null };
  const redirect = status >= 300 && status < 400 ? ' Redirects are not followed.' : '';
  return { accepted: false, status, error: `The receiver answered with HTTP status ${status}.${redirect}` };
}

/** By the code of the error: messages of Node name addresses, which say what a name resolves to in the server's network. */
function describe(error: unknown, timedOut: boolean): string {
  if (timedOut) return `The receiver did not answer within ${answerTimeoutMs / 1_000} seconds.`;
  if (error instanceof AddressRefusedError) return error.message;
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  return `${meanings[code] ?? 'The connection to the receiver failed'} (${code}).`;
}

const meanings: Readonly<Record<string, string>> = {
  ENOTFOUND: 'The name of the receiver does not exist',
  EAI_AGAIN: 'The name of the receiver could not be looked up',
  ECONNREFUSED: 'The receiver refused the connection',
  ECONNRESET: 'The receiver broke the connection',
  EHOSTUNREACH: 'The receiver could not be reached',
  ENETUNREACH: 'The receiver could not be reached',
  ETIMEDOUT: 'The receiver could not be reached',
  CERT_HAS_EXPIRED: 'The certificate of the receiver has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'The certificate of the receiver is not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'The certificate of the receiver is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'The certificate of the receiver is not trusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'The certificate of the receiver is for another name',
};
