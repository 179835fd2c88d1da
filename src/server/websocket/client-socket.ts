import type { WebSocket } from 'ws';
import type { Tuning } from '../tuning.ts';

/**
 * Try Again Later: the close code for whoever reads too slowly, and for when nobody can say who he is. graphql-ws' client,
 * like most, takes it for a reason to come back; of the codes of graphql-transport-ws none fits, and most end its retries.
 */
export const tryAgainLater = 1013;

/** A socket that says when its reader cannot keep up, and lets go of one who stays away. */
export class ClientSocket {
  readonly #socket: WebSocket;
  readonly #tuning: Tuning;
  readonly #onSent: (error?: Error) => void;
  #drained: PromiseWithResolvers<void> | undefined;
  #stall: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, tuning: Tuning) {
    this.#socket = socket;
    this.#tuning = tuning;
    // One function for all messages: there are many.
    this.#onSent = () => {
      if (this.#drained && socket.bufferedAmount <= tuning.highWater) this.#resume();
    };
    socket.once('close', () => this.#resume());
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /**
   * Sends a message. What it returns, if anything, is to be awaited before more is taken from where messages come from:
   * it resolves once the reader has caught up, or is gone.
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

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** The close frame waits behind what is not read; when it is not answered in time, `ws` destroys the connection. */
  disconnectSlowClient(): void {
    this.close(tryAgainLater, 'Reads too slowly');
    this.#resume();
  }

  #resume(): void {
    clearTimeout(this.#stall);
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
