import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { type AgentServer, AgentServerError } from './agent-server.ts';

/** A message of the agent, with the number that the stream gave to it. */
export interface StreamMessage {
  readonly number: number;
  readonly json: string;
}

/** Messages `from` to `to` were sent and cannot be read any more. */
export interface StreamHole {
  readonly from: number;
  readonly to: number;
}

export type StreamEvent = StreamMessage | StreamHole;

/** The agent server cannot be reached, or does not know the conversation any more. */
export class AgentStreamLostError extends Error {
  override readonly name = 'AgentStreamLostError';
  /** The server answers, and does not know the conversation: it was started again, and has forgotten all. */
  readonly isForgotten: boolean;

  constructor(isForgotten: boolean, cause: unknown) {
    super('The agent server is gone.', { cause });
    this.isForgotten = isForgotten;
  }
}

export interface AgentStreamOptions {
  readonly server: AgentServer;
  /** The name of the conversation. */
  readonly conversation: string;
  /** Only later messages are delivered. */
  readonly after: number;
  readonly signal: AbortSignal;
  /** Called when there may be something to take. */
  onEvent(): void;
  /** Milliseconds for which the server may be away. */
  readonly lostAfterMs?: number;
}

/** The server sends a sign of life every 15 seconds: after two of them missed, the connection is dead. */
const silentMs = 40_000;
/** Milliseconds for the server to accept a connection. */
const answerMs = 10_000;
const reconnectMs = 50;
const maxReconnectMs = 1_000;
/** A jump of the numbers is looked at this often before it counts as a hole: most of them the server can fill. */
const looksAtJump = 3;
/** Milliseconds without a message until the server is asked for what it may not have delivered; four times as many each time. */
const firstLookMs = 1_000;
const maxLookMs = 256_000;
/** Milliseconds without a byte after which the server has repeated all that it keeps. */
const lookQuietMs = 500;
/** Characters that are read ahead of the consumer. Past them the connection waits, and the server may drop messages. */
const maxBuffered = 64 * 1024 * 1024;

/**
 * All that an agent says, each message once and in order, over any number of connections. It always reads ahead, because the
 * server drops messages for readers that are slow; the jump of the numbers shows it, and reading again from the last message
 * before the jump gets them as long as the server keeps them. No jump shows that the newest message was dropped: so when
 * nothing comes for a while, a second connection asks what there is after the last one.
 */
export class AgentStream {
  readonly #options: AgentStreamOptions;
  #events: StreamEvent[] = [];
  #buffered = 0;
  #last: number;
  #jumps = 0;
  #failure: unknown;
  #response: IncomingMessage | undefined;
  #lastByteAt = 0;
  #lastMessageAt = performance.now();
  #lookAfterMs = firstLookMs;

  constructor(options: AgentStreamOptions) {
    this.#options = options;
    this.#last = options.after;
    const timer = setInterval(() => void this.#lookIfQuiet(), firstLookMs);
    this.#read()
      .catch((error: unknown) => {
        this.#failure = error;
        options.onEvent();
      })
      .finally(() => clearInterval(timer));
  }

  /** What has come since the last call. Throws AgentStreamLostError once nothing more can come. */
  take(): readonly StreamEvent[] {
    const events = this.#events;
    if (events.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      return events;
    }
    this.#events = [];
    this.#buffered = 0;
    this.#response?.resume();
    return events;
  }

  /** Whether {@link take} has something to return or to throw. */
  get hasEvents(): boolean {
    return this.#events.length > 0 || this.#failure !== undefined;
  }

  /** Whether the agent server is there, as far as is known. */
  get isConnected(): boolean {
    return this.#response !== undefined;
  }

  /** Milliseconds since the last byte of the server; undefined while it is away. */
  get quietForMs(): number | undefined {
    return this.isConnected ? performance.now() - this.#lastByteAt : undefined;
  }

  async #read(): Promise<void> {
    const { signal, lostAfterMs = 3_000 } = this.#options;
    let lastSeenAt = performance.now();
    let pauseMs = reconnectMs;
    while (!signal.aborted) {
      try {
        const before = this.#last;
        const response = await this.#connect();
        await this.#readConnection(response);
        lastSeenAt = performance.now();
        if (this.#last > before) pauseMs = reconnectMs;
      } catch (error) {
        signal.throwIfAborted();
        const isForgotten = error instanceof AgentServerError && error.status === 404;
        if (isForgotten || performance.now() - lastSeenAt > lostAfterMs) {
          throw new AgentStreamLostError(isForgotten, error);
        }
      }
      // What jumped over messages goes back for them at once: the server keeps them for a short time only.
      await delay(this.#jumps > 0 ? 0 : pauseMs, undefined, { signal });
      pauseMs = Math.min(pauseMs * 2, maxReconnectMs);
    }
  }

  async #connect(): Promise<IncomingMessage> {
    const { server, conversation, signal } = this.#options;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(new Error('The agent server does not answer.')), answerMs);
    try {
      return await server.openStream(conversation, this.#last, AbortSignal.any([signal, timeout.signal]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when the connection ends, is silent for too long, or jumps over messages. */
  async #readConnection(response: IncomingMessage): Promise<void> {
    this.#response = response;
    this.#lastByteAt = performance.now();
    this.#lastMessageAt = this.#lastByteAt;
    this.#lookAfterMs = firstLookMs;
    let isFirst = true;
    await this.#readEvents(response, silentMs, (number, json) => {
      if (number > this.#last + 1 && !this.#mayPassJump(number, isFirst)) {
        response.destroy();
        return;
      }
      isFirst = false;
      this.#jumps = 0;
      this.#push(number, json);
    });
    this.#response = undefined;
  }

  async #lookIfQuiet(): Promise<void> {
    const quietForMs = performance.now() - this.#lastMessageAt;
    if (!this.isConnected || quietForMs < this.#lookAfterMs) return;
    this.#lookAfterMs = Math.min(this.#lookAfterMs * 4, maxLookMs);
    await this.look();
  }

  /**
   * Asks the server what it keeps after the last message, over another connection. Resolves with whether all of it was
   * delivered by now: false when the server could not be asked, or has something that the usual way does not bring.
   */
  async look(): Promise<boolean> {
    const { signal } = this.#options;
    const response = await this.#connect().catch(() => undefined);
    if (!response) return false;
    let hasJump = false;
    const endsWhole = await this.#readEvents(response, lookQuietMs, (number, json) => {
      if (number === this.#last + 1) {
        this.#push(number, json);
        return;
      }
      hasJump = true;
      response.destroy();
      // Reads again from the last message, and finds the jump.
      this.#response?.destroy();
    });
    return endsWhole && !hasJump && !signal.aborted;
  }

  /**
   * Calls `onMessage` for what is later than the last message, until the connection ends or no byte comes for `quietMs`.
   * Resolves with false when that was in the middle of a message.
   */
  async #readEvents(
    response: IncomingMessage,
    quietMs: number,
    onMessage: (number: number, json: string) => void,
  ): Promise<boolean> {
    const { onEvent } = this.#options;
    const parser = createParser({
      onEvent: ({ id, data }) => {
        const number = Number(id);
        if (response.destroyed || !Number.isSafeInteger(number) || number <= this.#last) return;
        onMessage(number, data);
      },
    });
    let timer: NodeJS.Timeout | undefined;
    const restartTimer = () => {
      clearTimeout(timer);
      timer = setTimeout(() => response.destroy(), quietMs);
    };
    let isWhole = true;
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      restartTimer();
      isWhole = text.endsWith('\n\n');
      this.#lastByteAt = performance.now();
      parser.feed(text);
      onEvent();
      if (this.#buffered > maxBuffered && response === this.#response) response.pause();
    });
    restartTimer();
    await new Promise<void>((resolve) => {
      response.on('close', resolve);
      response.on('error', () => resolve());
    });
    clearTimeout(timer);
    return isWhole;
  }

  /** A jump that stays after several looks is a hole. In the middle of a connection it is always worth another look. */
  #mayPassJump(number: number, isFirst: boolean): boolean {
    this.#jumps += 1;
    if (!isFirst || this.#jumps < looksAtJump) return false;
    this.#events.push({ from: this.#last + 1, to: number - 1 });
    return true;
  }

  #push(number: number, json: string): void {
    this.#last = number;
    this.#lastMessageAt = performance.now();
    this.#lookAfterMs = firstLookMs;
    this.#events.push({ number, json });
    this.#buffered += json.length + 100;
  }
}
