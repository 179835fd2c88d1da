import type { TaskFailure } from '../task.ts';
import { cutOutput } from './cut-output.ts';
import type { DataOfKind, ItemChange, ItemData, ItemKind, PlanData, TranscriptItem } from './item.ts';
import { changeOf, type ItemDraft, setOutput, type ToolCallDraft } from './item-draft.ts';
import type { NoticeCode } from './notice-codes.ts';
import type { Said, ToolCallSaid } from './said.ts';
import { isUnfinished, mergeToolCall, outputIn } from './tool-call.ts';

/** Where a transcript stands: what the store keeps of it between two followers. */
export interface SegmentStart {
  /** The place of the last item. */
  readonly position: number;
  /** The first place of this segment. */
  readonly turnPosition: number;
  readonly promptId: string | null;
  /** The items from `turnPosition` on that may still change, oldest first. A tool call that is complete may lack its text. */
  readonly items: readonly TranscriptItem[];
}

/**
 * The part of a transcript that may still change: a turn, or what comes outside of turns since the last one. Takes what an
 * agent says and collects the changes of items until they are taken. Deterministic: no clock, no id, no `await`.
 *
 * MUST be rebuilt from the store when changes that were taken could not be stored.
 */
export class Segment {
  #position: number;
  #turnPosition: number;
  #promptId: string | null;
  /** The message or thought that the next chunk may belong to. */
  #run: ItemDraft<'agent_message'> | ItemDraft<'agent_thought'> | null = null;
  readonly #toolCalls = new Map<string, ToolCallDraft>();
  #plan: ItemDraft<'plan'> | null = null;
  /** Drafts that differ from what is stored, in the order of their first change. */
  readonly #dirty = new Set<ItemDraft>();
  #dirtyLength = 0;

  constructor({ position, turnPosition, promptId, items }: SegmentStart) {
    this.#position = position;
    this.#turnPosition = turnPosition;
    this.#promptId = promptId;
    for (const item of items) this.#restore(item);
  }

  get position(): number {
    return this.#position;
  }

  get turnPosition(): number {
    return this.#turnPosition;
  }

  /** The prompt of the turn that runs; null outside of turns. */
  get promptId(): string | null {
    return this.#promptId;
  }

  /** How much text the changes hold that were not taken yet, in UTF-16 code units, roughly. */
  get dirtyLength(): number {
    return this.#dirtyLength;
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  /** Takes what an agent says about the transcript; all else changes nothing here. */
  say(said: Said): void {
    switch (said.type) {
      case 'chunk':
        this.#addChunk(said);
        return;
      case 'toolCall':
        this.changeToolCall(said.call);
        return;
      case 'plan':
        this.#replacePlan({ entries: said.entries });
        return;
      case 'unreadable':
        this.addNotice(
          'MESSAGE_UNREADABLE',
          `A message of the agent could not be read: ${said.text.slice(0, 1_000)}`,
        );
        return;
      default:
        return;
    }
  }

  /** What came outside of turns is over; the turn of a prompt begins. */
  beginTurn(promptId: string, text: string): void {
    this.#completeAll('failed');
    this.#turnPosition = this.#position + 1;
    this.#insert('user_message', { promptId }, text, true);
    this.#promptId = promptId;
  }

  /** Completes all items of the turn, and adds its end. */
  endTurn(stopReason: string, error: TaskFailure | null): void {
    this.#completeAll(stopReason === 'CANCELED' ? 'canceled' : 'failed');
    this.#insert('turn_end', { stopReason, error }, '', true);
    this.#turnPosition = this.#position + 1;
    this.#promptId = null;
  }

  addNotice(code: NoticeCode, text: string): void {
    this.#endRun();
    this.#insert('notice', { code }, text, true);
  }

  /**
   * Changes a tool call of this segment, or adds it. Returns its place. One that has completed or failed is complete; some
   * agents add to it nevertheless.
   */
  changeToolCall(said: ToolCallSaid): number {
    const known = this.#toolCalls.get(said.toolCallId);
    const given = outputIn(said, known?.data.outputSource ?? 'none');
    const cut = given && cutOutput(given.output);
    const merged = mergeToolCall(known?.data, said);
    const data = {
      ...merged,
      outputBytes: cut?.bytes ?? known?.data.outputBytes ?? 0,
      outputSource: given?.source ?? merged.outputSource,
    };
    const isComplete = !isUnfinished(data);
    if (!known) {
      this.#endRun();
      const draft = this.#insert('tool_call', data, cut?.text ?? '', isComplete);
      this.#toolCalls.set(said.toolCallId, Object.assign(draft, { output: cut?.text ?? '' }));
      return draft.position;
    }
    const addedBytes = cut ? setOutput(known, cut.text) : 0;
    // What is appended says by itself how much `outputBytes` grows, unless the output is cut.
    const isPlainGrowth = addedBytes === data.outputBytes - known.data.outputBytes;
    const isOtherwiseSame = isSame({ ...data, outputBytes: 0 }, { ...known.data, outputBytes: 0 });
    // Nothing is appended to an item that is complete.
    const isAppended = !isComplete && !known.isComplete && isPlainGrowth && isOtherwiseSame;
    if (!isAppended && (known.tail !== '' || !isSame(data, known.data))) known.isChanged = true;
    known.data = data;
    known.isComplete = isComplete;
    if (known.isChanged || known.tail !== '') this.#touch(known, cut?.text.length ?? 0);
    return known.position;
  }

  /** The title of a tool call of this segment; its id when it is not known. */
  titleOf(toolCallId: string): string {
    return this.#toolCalls.get(toolCallId)?.data.title ?? toolCallId;
  }

  /** The changes since they were last taken, in their order. */
  take(): ItemChange[] {
    const changes = [...this.#dirty].map((draft) => changeOf(draft));
    for (const draft of this.#dirty) {
      draft.isStored = true;
      draft.isChanged = false;
      draft.tail = '';
      draft.replacement = null;
    }
    this.#dirty.clear();
    this.#dirtyLength = 0;
    return changes;
  }

  #addChunk({ kind, messageId, text }: Extract<Said, { type: 'chunk' }>): void {
    const run = this.#run;
    const isSameMessage = run?.kind === kind && (run.data.messageId ?? null) === messageId;
    if (!isSameMessage) {
      this.#endRun();
      this.#run = this.#insert(kind, messageId === null ? {} : { messageId }, text, false) as typeof run;
      return;
    }
    run.tail += text;
    run.length += text.length;
    this.#touch(run, text.length);
  }

  #replacePlan(data: PlanData): void {
    if (this.#plan) {
      this.#plan.data = data;
      this.#plan.isChanged = true;
      this.#touch(this.#plan, 100);
      return;
    }
    this.#endRun();
    this.#plan = this.#insert('plan', data, '', false);
  }

  #endRun(): void {
    if (this.#run) this.#complete(this.#run);
    this.#run = null;
  }

  #completeAll(unfinished: 'failed' | 'canceled'): void {
    this.#endRun();
    for (const call of this.#toolCalls.values()) {
      if (!isUnfinished(call.data)) continue;
      call.data = { ...call.data, status: unfinished };
      this.#complete(call);
    }
    this.#toolCalls.clear();
    if (this.#plan) this.#complete(this.#plan);
    this.#plan = null;
  }

  #complete(draft: ItemDraft): void {
    draft.isComplete = true;
    draft.isChanged = true;
    this.#touch(draft, 0);
  }

  #insert<K extends ItemKind>(kind: K, data: DataOfKind[K], text: string, isComplete: boolean): ItemDraft<K> {
    this.#position += 1;
    const draft: ItemDraft<K> = {
      position: this.#position,
      kind,
      data,
      length: text.length,
      isStored: false,
      isComplete,
      isChanged: false,
      tail: '',
      replacement: text,
    };
    this.#touch(draft as unknown as ItemDraft, text.length);
    return draft;
  }

  #touch(draft: ItemDraft, length: number): void {
    this.#dirty.add(draft);
    this.#dirtyLength += length;
  }

  #restore(item: TranscriptItem): void {
    if (item.isComplete && item.kind !== 'tool_call') return;
    const draft = {
      position: item.position,
      kind: item.kind,
      data: item.data,
      length: item.text.length,
      isStored: true,
      isComplete: item.isComplete,
      isChanged: false,
      tail: '',
      replacement: null,
    } as ItemDraft;
    if (item.kind === 'tool_call') {
      const call = Object.assign(draft as ItemDraft<'tool_call'>, {
        output: item.isComplete ? null : item.text,
      });
      this.#toolCalls.set(item.data.toolCallId, call);
    } else if (item.kind === 'plan') this.#plan = draft as ItemDraft<'plan'>;
    else if (item.kind === 'agent_message' || item.kind === 'agent_thought') {
      this.#run = draft as ItemDraft<'agent_message'>;
    }
  }
}

function isSame(a: ItemData, b: ItemData): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
