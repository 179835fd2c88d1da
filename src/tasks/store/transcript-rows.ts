import { type RawBuilder, sql } from 'kysely';
import type { ItemData, ItemKind, ToolCallData, TranscriptItem } from '../domain/transcript/item.ts';
import { toTimestamp } from './task-rows.ts';

export interface ItemRow {
  readonly item_id: string;
  readonly item_session_id: string;
  readonly item_position: number;
  readonly item_sequence: number;
  readonly item_kind: ItemKind;
  readonly item_data: ItemData;
  readonly item_text: string;
  readonly item_added_bytes: number;
  readonly item_is_complete: boolean;
  readonly item_created_at: string;
  readonly item_updated_at: string;
}

/**
 * SQL of the columns of an item as it is now, from `transcript_item` under the name `item` and what was added to it under the
 * name `added` ({@link addedText}).
 */
export const itemColumns: RawBuilder<unknown> = sql`item.id as item_id, item.session_id as item_session_id,
  item.position as item_position, greatest(item.sequence, added.sequence) as item_sequence, item.kind as item_kind,
  item.data as item_data, item.text || coalesce(added.text, '') as item_text,
  coalesce(octet_length(added.text), 0) as item_added_bytes, item.is_complete as item_is_complete,
  item.created_at as item_created_at, item.updated_at as item_updated_at`;

/** SQL of a lateral join with what was added to the item's text since it was written; only an open item has that. */
export const addedText: RawBuilder<unknown> = sql`left join lateral (
    select string_agg(chunk.text, '' order by chunk.sequence) as text, max(chunk.sequence) as sequence
    from transcript_chunk chunk
    where not item.is_complete and chunk.session_id = item.session_id and chunk.position = item.position
  ) added on true`;

export function toItem(row: ItemRow): TranscriptItem {
  // The row of a tool call says how long the output was when the row was last written.
  const data =
    row.item_kind === 'tool_call' && row.item_added_bytes > 0
      ? withMoreOutput(row.item_data as ToolCallData, row.item_added_bytes)
      : row.item_data;
  return {
    id: row.item_id,
    sessionId: row.item_session_id,
    position: row.item_position,
    sequence: row.item_sequence,
    kind: row.item_kind,
    data,
    text: row.item_text,
    isComplete: row.item_is_complete,
    createdAt: toTimestamp(row.item_created_at),
    updatedAt: toTimestamp(row.item_updated_at),
  } as TranscriptItem;
}

function withMoreOutput(data: ToolCallData, bytes: number): ToolCallData {
  return { ...data, outputBytes: data.outputBytes + bytes };
}
