import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import type { TextAppend, TranscriptItem, TranscriptUpdate } from '../domain/transcript/item.ts';
import { addedText, type ItemRow, itemColumns, toItem } from './transcript-rows.ts';
import { anyOf } from './values-apart.ts';

// What a process reads to serve subscribers of transcripts.

/** The changes of a session's transcript after that number. */
export interface TranscriptRange {
  readonly sessionId: string;
  readonly after: number;
}

/** One row is an item that has changed, or text that was added to one, or, with neither, the answer for an unchanged range. */
interface FeedRow {
  readonly place: number;
  readonly sequence: number;
  readonly item: ItemRow | null;
  readonly added: {
    readonly item_id: string;
    readonly text_offset: number;
    readonly text: string;
    readonly sequence: number;
  } | null;
}

/**
 * For each range all that has changed, in the order of the ranges. All in one statement: the updates of one session end at the
 * same number, whatever they begin at. An item whose row has changed comes whole; of the others only what was added to them.
 */
export async function readTranscriptUpdates(
  db: Database,
  ranges: readonly TranscriptRange[],
): Promise<TranscriptUpdate[]> {
  const wanted = JSON.stringify(
    ranges.map(({ sessionId, after }, place) => ({ place, id: sessionId, after })),
  );
  const { rows } = await sql<FeedRow>`
    select wanted.place, coalesce(conversation.sequence, 0) as sequence, changed.item, changed.added
    from jsonb_to_recordset(${wanted}::jsonb) as wanted (place int, id text, after int)
    left join conversation on conversation.session_id = wanted.id
    left join lateral (
      select to_jsonb(newest) as item, null::jsonb as added, newest.item_position as position
      from (
        select ${itemColumns} from transcript_item item ${addedText}
        where item.session_id = wanted.id and item.sequence > wanted.after
      ) newest
      union all
      select null, jsonb_build_object('item_id', item.id, 'text_offset', min(chunk.text_offset),
        'text', string_agg(chunk.text, '' order by chunk.sequence), 'sequence', max(chunk.sequence)), item.position
      from transcript_chunk chunk
      join transcript_item item on item.session_id = chunk.session_id and item.position = chunk.position
      where chunk.session_id = wanted.id and chunk.sequence > wanted.after and item.sequence <= wanted.after
      group by item.id, item.position
    ) changed on true
    order by wanted.place, changed.position
  `.execute(db.kysely);
  const updates = ranges.map(({ sessionId, after }) => ({
    sessionId,
    fromSequence: after,
    sequence: after,
    items: [] as TranscriptItem[],
    appends: [] as TextAppend[],
  }));
  for (const { place, sequence, item, added } of rows) {
    const update = updates[place] as (typeof updates)[number];
    update.sequence = Math.max(update.sequence, sequence);
    if (item) update.items.push(toItem(item));
    if (added) {
      const { item_id: itemId, text_offset: offset, text } = added;
      update.appends.push({ itemId, offset, text, sequence: added.sequence });
    }
  }
  return updates;
}

/** The numbers of the last changes of these transcripts, by session; those without a transcript are left out. */
export async function readSequences(
  db: Database,
  sessionIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await db.kysely
    .selectFrom('conversation')
    .select(['session_id', 'sequence'])
    .where('session_id', '=', anyOf(sessionIds))
    .execute();
  return new Map(rows.map(({ session_id, sequence }) => [session_id, sequence]));
}
