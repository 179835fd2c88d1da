import type { TranscriptItemFieldsFragment, TranscriptUpdatedSubscription } from './generated/graphql.ts';

/** One thing in a transcript; `__typename` says what it is. A newer server may have kinds that this union does not name. */
export type TranscriptItem = TranscriptItemFieldsFragment;

/** What a session's transcript was at one moment. It never changes: a later one shares the items that are still the same. */
export interface Transcript {
  /** The number of the last change that it contains; 0 while it is empty. */
  readonly sequence: number;
  /** By position, without gaps. */
  readonly items: readonly TranscriptItem[];
  /** How many items before the first of `items` are still being read. 0 once the transcript is whole. */
  readonly missing: number;
}

type Update = TranscriptUpdatedSubscription['transcriptUpdated'];
type Append = Update['appends'][number];

/** The text lacks what an append continues: messages were lost, and the transcript must be read again. */
export class TranscriptHoleError extends Error {
  override readonly name = 'TranscriptHoleError';
}

/**
 * Puts a transcript together from pages, read from its end to its beginning, and from updates, in any order of the two. What
 * is not newer than what it holds of an item is left out, and of an append only what the text lacks is taken.
 */
export class TranscriptAssembly {
  #sequence: number;
  /** By position, without gaps; the first one has `#first`. */
  #items: TranscriptItem[] = [];
  readonly #positions = new Map<string, number>();
  #first: number | undefined;
  #isWhole = false;
  /** What has changed in items whose page is still being read: the page may be older. */
  #early: { readonly items: TranscriptItem[]; readonly appends: Append[] } = { items: [], appends: [] };

  /** `sequence`: where the transcript was when the first page was read. */
  constructor(sequence: number) {
    this.#sequence = sequence;
  }

  get sequence(): number {
    return this.#sequence;
  }

  get isWhole(): boolean {
    return this.#isWhole;
  }

  get transcript(): Transcript {
    const missing = this.#isWhole ? 0 : Math.max(0, (this.#first ?? 1) - 1);
    return { sequence: this.#sequence, items: [...this.#items], missing };
  }

  /** Adds the page before the ones that were added so far. */
  addPage(items: readonly TranscriptItem[], isFirst: boolean): void {
    this.#isWhole ||= isFirst;
    const known = this.#first;
    const earlier = items.filter(({ position }) => known === undefined || position < known);
    for (const item of items) if (!earlier.includes(item)) this.#put(item);
    this.#items = [...earlier, ...this.#items];
    this.#first = this.#items[0]?.position;
    for (const { id, position } of earlier) this.#positions.set(id, position);
    const early = this.#early;
    this.#early = { items: [], appends: [] };
    for (const item of early.items) this.#put(item);
    for (const append of early.appends) this.#append(append);
  }

  /** Throws TranscriptHoleError when something before it is missing. */
  apply(update: Update): void {
    if (update.fromSequence > this.#sequence)
      throw new TranscriptHoleError(`An update begins at ${update.fromSequence}, not at ${this.#sequence}.`);
    for (const item of update.items) this.#put(item);
    for (const append of update.appends) this.#append(append);
    this.#sequence = Math.max(this.#sequence, update.sequence);
  }

  #put(item: TranscriptItem): void {
    this.#first ??= item.position;
    const index = item.position - this.#first;
    if (index < 0) {
      this.#early.items.push(item);
      return;
    }
    if (index > this.#items.length)
      throw new TranscriptHoleError(`The item before position ${item.position} is missing.`);
    if (item.sequence <= (this.#items[index]?.sequence ?? 0)) return;
    this.#items[index] = item;
    this.#positions.set(item.id, item.position);
  }

  #append(append: Append): void {
    const position = this.#positions.get(append.itemId);
    if (position === undefined) {
      if (this.#isWhole)
        throw new TranscriptHoleError(`Text is added to ${append.itemId}, which is missing.`);
      this.#early.appends.push(append);
      return;
    }
    const index = position - (this.#first as number);
    const item = this.#items[index] as TranscriptItem;
    if (append.sequence > item.sequence) this.#items[index] = longer(item, append);
  }
}

function longer(item: TranscriptItem, { offset, text, sequence }: Append): TranscriptItem {
  const before = item.__typename === 'ToolCall' ? item.output : 'text' in item ? item.text : '';
  if (offset > before.length)
    throw new TranscriptHoleError(`A text of ${before.length} lacks what is before ${offset}.`);
  const added = text.slice(before.length - offset);
  const whole = before + added;
  return item.__typename === 'ToolCall'
    ? { ...item, output: whole, outputBytes: item.outputBytes + utf8.encode(added).byteLength, sequence }
    : ({ ...item, text: whole, sequence } as TranscriptItem);
}

const utf8 = new TextEncoder();
