import type { WebSocket } from 'ws';

const slices = 12;

/**
 * Pings every socket once per period and terminates sockets that did not answer the previous ping. One timer serves all
 * sockets, one slice of them per tick: a timer per socket costs memory, and one tick for all sockets would block the event loop.
 */
export class KeepAlive {
  readonly #slices: Set<WebSocket>[] = Array.from({ length: slices }, () => new Set());
  readonly #unanswered = new WeakSet<WebSocket>();
  readonly #backlog: number;
  readonly #timer: NodeJS.Timeout;
  #added = 0;
  #tick = 0;

  /**
   * `period` is in milliseconds. A socket with more than `backlog` bytes buffered is skipped, because a ping would be queued
   * behind them; ClientSocket decides how long it may stay behind.
   */
  constructor(period: number, backlog: number) {
    this.#backlog = backlog;
    this.#timer = setInterval(() => this.#pingSlice(), period / slices);
    this.#timer.unref();
  }

  watch(socket: WebSocket): void {
    this.#slices[this.#added++ % slices]?.add(socket);
    socket.on('pong', () => this.#unanswered.delete(socket));
  }

  forget(socket: WebSocket): void {
    for (const slice of this.#slices) slice.delete(socket);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #pingSlice(): void {
    for (const socket of this.#slices[this.#tick++ % slices] ?? []) {
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
