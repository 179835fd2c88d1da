import { setTimeout as delay } from 'node:timers/promises';
import { print } from 'graphql';
import {
  type Groundcrew,
  type Transcript,
  type TranscriptItem,
  TranscriptPageDocument,
} from '../../../src/client/client.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A transcript as a client has it that watches all the time. */
export class Watch {
  readonly sessionId: string;
  newest: Transcript = { sequence: 0, items: [], missing: 0 };
  readonly #watching: Promise<void>;

  constructor(client: Groundcrew, sessionId: string) {
    this.sessionId = sessionId;
    this.#watching = this.#watch(client);
    this.#watching.catch(() => {});
  }

  async until(sequence: number): Promise<void> {
    await Promise.race([
      waitFor(() => this.newest.sequence >= sequence, 30_000, `a watcher to be at ${sequence}`),
      this.#watching.then(() => Promise.reject(new Error('A watch has ended.'))),
    ]);
  }

  async #watch(client: Groundcrew): Promise<void> {
    for await (const transcript of client.watchTranscript(this.sessionId)) {
      if (transcript.sequence < this.newest.sequence) throw new Error('A watch has gone back.');
      this.newest = transcript;
    }
  }
}

interface Page {
  readonly node: {
    readonly sequence: number;
    readonly items: {
      readonly nodes: readonly TranscriptItem[];
      readonly pageInfo: { readonly hasPreviousPage: boolean; readonly startCursor: string };
    };
  };
}

/** The whole transcript, as the server holds it. */
export async function readTranscript(
  ask: <T>(query: string, variables: Readonly<Record<string, unknown>>) => Promise<T>,
  sessionId: string,
): Promise<Transcript> {
  let items: readonly TranscriptItem[] = [];
  let before: string | null = null;
  for (;;) {
    const { node }: Page = await ask(print(TranscriptPageDocument), { sessionId, before });
    items = [...node.items.nodes, ...items];
    if (!node.items.pageInfo.hasPreviousPage) return { sequence: node.sequence, items, missing: 0 };
    before = node.items.pageInfo.startCursor;
  }
}

/** Repeats until it succeeds: what it needs may be away. */
export async function again<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(50);
    }
  }
}
