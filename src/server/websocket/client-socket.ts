import type { WebSocket } from 'ws';
import type { Tuning } from '../tuning.ts';
import { type CloseCode, tryAgainLater } from './close-codes.ts';

/** A close frame has room for 123 bytes of text, and `ws` throws when there are more. */
const reasonBuffer = new Uint8Array(123);

/** A socket with backpressure that disconnects clients which stay behind. */
export class ClientSocket {
  readonly #socket: WebSocket;
  readonly #tuning: Tuning;
  readonly #onSent: (error?: Error) => void;
  #drained: PromiseWithResolvers<void> | undefined;
  #stall: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, tuning: Tuning) {
    this.#socket = socket;
    this.#tuning = tuning;
    // One function for all messages of a socket, to save memory.
    this.#onSent = () => {
      if (this.#drained && socket.bufferedAmount <= tuning.highWater) this.#resume();
    };
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /**
   * Sends a message. When it returns a promise, await it before sending more: it resolves once the client has caught up or
   * the socket is closed.
   */
  send(message: string): Promise<void> | undefined {
    const socket = this.#socket;
    if (!this.open) return undefined;
    if (socket.bufferedAmount > this.#tuning.maxBuffered) {
      this.disconnectSlowClient();
      return undefined;
    }
    socket.send(message, this.#onSent);
    if (socket.bufferedAmount <= this.#tuning.highWater) return undefined;
    if (!this.#drained) {
      this.#drained = Promise.withResolvers();
      this.#stall = setTimeout(() => this.disconnectSlowClient(), this.#tuning.stallTimeout);
    }
    return this.#drained.promise;
  }

  /** Closes the socket. A reason that is too long is cut off. */
  close(code: CloseCode, reason: string): void {
    const { read } = new TextEncoder().encodeInto(reason, reasonBuffer);
    this.#socket.close(code, reason.slice(0, read));
  }

  /** The close frame is queued behind the unread data. When the client does not answer it in time, `ws` destroys the connection. */
  disconnectSlowClient(): void {
    this.close(tryAgainLater, 'The client reads too slowly');
    this.#resume();
  }

  /** To be called when the socket is closed: nobody waits for it any longer. */
  closed(): void {
    this.#resume();
  }

  #resume(): void {
    clearTimeout(this.#stall);
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
