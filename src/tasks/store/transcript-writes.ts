import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { newId } from '../domain/id.ts';
import type { FollowLease } from '../domain/transcript/connection.ts';
import type { ItemChange } from '../domain/transcript/item.ts';
import { transcriptChannel } from './transcript-wake-up.ts';

/** What one follower writes at once. Each change of an item takes the next number of the transcript. */
export interface TranscriptWrite {
  readonly lease: FollowLease;
  /** The newest `sequence` as the follower knows it. */
  readonly sequence: number;
  readonly changes: readonly ItemChange[];
  /** Where the transcript stands after the write. */
  readonly position: number;
  readonly turnPosition: number;
  readonly turnPromptId: string | null;
  /** The number of the last message of the agent that the write holds. */
  readonly streamPosition: number;
}

/**
 * Writes for several transcripts in one statement, so that they share an fsync. Each is fenced by itself: returns the ids of
 * the sessions that were written; the others have another follower by now, or were closed, or the write was made before.
 *
 * MUST stay the only statement that changes items and `conversation.sequence`.
 */
export async function writeTranscripts(
  db: Database,
  writes: readonly TranscriptWrite[],
): Promise<ReadonlySet<string>> {
  const at = db.clock.now();
  const heads = [];
  const inserts = [];
  const chunks = [];
  const updates = [];
  for (const { lease, changes, ...head } of writes) {
    const { sessionId } = lease;
    let { sequence } = head;
    for (const change of changes) {
      sequence += 1;
      const place = { session_id: sessionId, sequence, position: change.position };
      if (change.type === 'append') {
        chunks.push({ ...place, text_offset: change.offset, text: change.text });
        continue;
      }
      const state = { data: change.data, text: change.text, is_complete: change.isComplete };
      if (change.type === 'insert') {
        inserts.push({ ...place, ...state, id: newId('item', at), kind: change.kind });
      } else updates.push({ ...place, ...state, tail: change.tail });
    }
    heads.push({
      session_id: sessionId,
      epoch: lease.epoch,
      from_sequence: head.sequence,
      sequence,
      position: head.position,
      turn_position: head.turnPosition,
      turn_prompt_id: head.turnPromptId,
      stream_position: head.streamPosition,
    });
  }
  // Locked in one order, so that two statements on several conversations never wait for each other.
  const { rows } = await sql<{ session_id: string }>`
    with head as (
      select * from jsonb_to_recordset(${JSON.stringify(heads)}::jsonb) as head (session_id text, epoch int,
        from_sequence int, sequence int, position int, turn_position int, turn_prompt_id text, stream_position int)
    ), locked as materialized (
      select conversation.session_id from conversation
      join head on head.session_id = conversation.session_id and head.epoch = conversation.epoch
        and head.from_sequence = conversation.sequence
      where conversation.is_open
      order by conversation.session_id for update of conversation
    ), written as (
      update conversation set sequence = head.sequence, position = head.position, turn_position = head.turn_position,
        turn_prompt_id = head.turn_prompt_id, stream_position = head.stream_position
      from head join locked on locked.session_id = head.session_id
      where conversation.session_id = head.session_id
      returning conversation.session_id, conversation.sequence
    ), inserted as (
      insert into transcript_item (session_id, position, id, sequence, kind, data, text, is_complete, created_at, updated_at)
      select session_id, position, id, item.sequence, kind, data, text, is_complete, ${at}::timestamptz, ${at}::timestamptz
      from jsonb_to_recordset(${JSON.stringify(inserts)}::jsonb) as item (session_id text, position int, id text,
        sequence int, kind text, data jsonb, text text, is_complete bool)
      join written using (session_id)
    ), added as (
      insert into transcript_chunk (session_id, sequence, position, text_offset, text)
      select session_id, chunk.sequence, position, text_offset, text
      from jsonb_to_recordset(${JSON.stringify(chunks)}::jsonb) as chunk (session_id text, sequence int, position int,
        text_offset int, text text)
      join written using (session_id)
    ), change as (
      select change.* from jsonb_to_recordset(${JSON.stringify(updates)}::jsonb) as change (session_id text, position int,
        sequence int, data jsonb, text text, tail text, is_complete bool)
      join written using (session_id)
    ), merged as (
      delete from transcript_chunk using change
      where transcript_chunk.session_id = change.session_id and transcript_chunk.position = change.position
      returning transcript_chunk.*
    ), changed as (
      update transcript_item item set sequence = change.sequence, data = change.data, is_complete = change.is_complete,
        updated_at = ${at}::timestamptz,
        text = coalesce(change.text, item.text || coalesce((
          select string_agg(merged.text, '' order by merged.sequence) from merged
          where merged.session_id = change.session_id and merged.position = change.position
        ), '') || change.tail)
      from change where item.session_id = change.session_id and item.position = change.position
    )
    select session_id, pg_notify(${sql.lit(transcriptChannel)}, concat_ws(' ', session_id, sequence)) from written
  `.execute(db.kysely);
  return new Set(rows.map((row) => row.session_id));
}

/**
 * Whether a write was made whose reply may have been lost: its follower still has the session, and nobody else can have
 * brought the transcript to where the write leads.
 */
export async function wasWritten(db: Database, write: TranscriptWrite): Promise<boolean> {
  const row = await db.kysely
    .selectFrom('conversation')
    .select('session_id')
    .where('session_id', '=', write.lease.sessionId)
    .where('epoch', '=', write.lease.epoch)
    .where('sequence', '=', sequenceAfter(write))
    .where('stream_position', '=', write.streamPosition)
    .executeTakeFirst();
  return row !== undefined;
}

/** The number of the last change of the write. */
function sequenceAfter({ sequence, changes }: TranscriptWrite): number {
  return sequence + changes.length;
}
