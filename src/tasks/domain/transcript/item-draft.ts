import type { DataOfKind, ItemChange, ItemKind } from './item.ts';

/** An item that may still change, with what of it is not stored yet. */
export interface ItemDraft<K extends ItemKind = ItemKind> {
  readonly position: number;
  readonly kind: K;
  data: DataOfKind[K];
  /** The length of the text, in UTF-16 code units. */
  length: number;
  isStored: boolean;
  isComplete: boolean;
  /** Not only text was added. */
  isChanged: boolean;
  /** Text to add to what is stored. */
  tail: string;
  /** Takes the place of what is stored. */
  replacement: string | null;
}

/** A tool call, with the output that its updates are compared with; null: what is stored was not read. */
export interface ToolCallDraft extends ItemDraft<'tool_call'> {
  output: string | null;
}

/** What of the draft is not stored yet. */
export function changeOf(draft: ItemDraft): ItemChange {
  const { position, kind, data, isComplete, tail, replacement } = draft;
  if (!draft.isStored) {
    return { type: 'insert', position, kind, data, text: (replacement ?? '') + tail, isComplete };
  }
  if (draft.isChanged) {
    const text = replacement === null ? null : replacement + tail;
    return { type: 'update', position, data, text, tail: text === null ? tail : '', isComplete };
  }
  return { type: 'append', position, offset: draft.length - tail.length, text: tail };
}

/** Takes the output of an update. Returns how many bytes it has added to the end of the one before; NaN when it has not. */
export function setOutput(call: ToolCallDraft, text: string): number {
  const before = call.output;
  call.output = text;
  call.length = text.length;
  if (before === null || !text.startsWith(before)) {
    call.replacement = text;
    call.tail = '';
    call.isChanged = true;
    return Number.NaN;
  }
  const added = text.slice(before.length);
  if (call.replacement === null) call.tail += added;
  else call.replacement = text;
  return Buffer.byteLength(added);
}
