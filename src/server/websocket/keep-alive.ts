import type { WebSocket } from 'ws';

const slices = 12;

/**
 * Pings every socket once in a period and ends those that did not answer the ping before. One timer for all of them,
 * which takes a slice at a time: a timer each would cost memory, all at once a pause that every client would notice.
 */
export class KeepAlive {
  readonly #slices: Set<WebSocket>[] = Array.from({ length: slices }, () => new Set());
  readonly #unanswered = new WeakSet<WebSocket>();
  readonly #backlog: number;
  readonly #timer: NodeJS.Timeout;
  #added = 0;
  #turn = 0;

  /**
   * `period` is in milliseconds. Of a socket with more than `backlog` bytes to send no answer is expected: the ping is
   * behind them, and how long they may take is another's question.
   */
  constructor(period: number, backlog: number) {
    this.#backlog = backlog;
    this.#timer = setInterval(() => this.#pingSlice(), period / slices);
    this.#timer.unref();
  }

  watch(socket: WebSocket): void {
    const slice = this.#slices[this.#added++ % slices];
    slice?.add(socket);
    socket.on('pong', () => this.#unanswered.delete(socket));
    socket.once('close', () => slice?.delete(socket));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #pingSlice(): void {
    for (const socket of this.#slices[this.#turn++ % slices] ?? []) {
      if (socket.bufferedAmount > this.#backlog) continue;
      if (this.#unanswered.has(socket)) {
        socket.terminate();
      } else if (socket.readyState === socket.OPEN) {
        this.#unanswered.add(socket);
        socket.ping();
      }
    }
  }
}
