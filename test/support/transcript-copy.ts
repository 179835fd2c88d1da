import type { GraphqlWsClient, Subscription } from './graphql-ws-client.ts';

export interface CopiedItem {
  readonly id: string;
  readonly __typename: string;
  readonly position: number;
  readonly isComplete: boolean;
  sequence: number;
  text?: string;
  output?: string;
  outputBytes?: number;
  readonly [field: string]: unknown;
}

interface Update {
  readonly fromSequence: number;
  readonly sequence: number;
  readonly items: readonly CopiedItem[];
  readonly appends: readonly { itemId: string; offset: number; text: string; sequence: number }[];
}

export const itemFields = `__typename id position sequence isComplete
  ... on UserMessage { text } ... on AgentMessage { text } ... on AgentThought { text }
  ... on ToolCall { toolCallId title kind status input output outputBytes locations { path line } changes { path oldText newText } }
  ... on Plan { entries { content status priority } }
  ... on TurnEnd { stopReason error { code message } }
  ... on Notice { code text }`;

/** A transcript as a client holds it that applies each message of `transcriptUpdated`, and checks that it may. */
export class TranscriptCopy {
  readonly items = new Map<string, CopiedItem>();
  sequence = 0;
  /** How many messages were applied. */
  messages = 0;
  appends = 0;
  readonly #subscription: Subscription;

  constructor(
    client: GraphqlWsClient,
    sessionId: string,
    after?: { sequence: number; items: Map<string, CopiedItem> },
  ) {
    if (after) {
      this.sequence = after.sequence;
      for (const [id, item] of after.items) this.items.set(id, { ...item });
    }
    this.#subscription = client.subscribe({
      query: `subscription ($id: ID!, $after: Int) { transcriptUpdated(sessionId: $id, afterSequence: $after) {
        fromSequence sequence items { ${itemFields} } appends { itemId offset text sequence } } }`,
      variables: { id: sessionId, after: after?.sequence ?? null },
    });
  }

  get list(): CopiedItem[] {
    return [...this.items.values()].sort((a, b) => a.position - b.position);
  }

  /** Applies messages until that is true of the copy. */
  async until(is: (copy: TranscriptCopy) => boolean, timeoutMs = 20_000): Promise<this> {
    while (!(this.messages > 0 && is(this))) await this.applyNext(timeoutMs);
    return this;
  }

  async applyNext(timeoutMs = 20_000): Promise<Update> {
    const { payload } = await this.#subscription.next(timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}; the copy is ${JSON.stringify(this.list, null, 1).slice(0, 3_000)}`);
    });
    const { data, errors } = payload as { data?: { transcriptUpdated: Update }; errors?: unknown };
    if (!data) throw new Error(JSON.stringify(errors ?? payload));
    const update = data.transcriptUpdated;
    if (update.fromSequence !== this.sequence) {
      throw new Error(`a message begins at ${update.fromSequence}, and the copy is at ${this.sequence}`);
    }
    for (const item of update.items) {
      if (item.sequence > (this.items.get(item.id)?.sequence ?? 0)) this.items.set(item.id, { ...item });
    }
    for (const { itemId, offset, text, sequence } of update.appends)
      this.#append(itemId, offset, text, sequence);
    this.sequence = update.sequence;
    this.messages += 1;
    return update;
  }

  stop(): void {
    this.#subscription.complete();
  }

  #append(itemId: string, offset: number, added: string, sequence: number): void {
    const item = this.items.get(itemId);
    if (!item) throw new Error(`text is added to ${itemId}, which the copy does not have`);
    if (sequence <= item.sequence) return;
    const field = item.__typename === 'ToolCall' ? 'output' : 'text';
    const before = item[field] ?? '';
    if (offset > before.length) throw new Error(`a text of ${before.length} lacks what is before ${offset}`);
    item[field] = before.slice(0, offset) + added;
    if (field === 'output') {
      item.outputBytes = (item.outputBytes ?? 0) + Buffer.byteLength(added);
    }
    item.sequence = sequence;
    this.appends += 1;
  }
}
