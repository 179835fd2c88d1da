import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { Segment } from '../domain/transcript/segment.ts';
import { settleOpenRequests } from './conversation-changes.ts';
import { readSegment } from './conversations.ts';
import { writeTranscripts } from './transcript-writes.ts';

/**
 * Ends the conversations of a task that was closed in the same transaction: turns end as CANCELED, requests are canceled, and
 * followers write nothing any more.
 */
export async function closeConversations(tx: Database, taskId: string): Promise<void> {
  const { rows } = await sql<{
    session_id: string;
    epoch: number;
    sequence: number;
    stream_position: number;
  }>`
    select session_id, epoch, sequence, stream_position from conversation
    where task_id = ${taskId} and is_open order by session_id for update
  `.execute(tx.kysely);
  if (rows.length === 0) return;
  const ids = rows.map((row) => row.session_id);
  const writes = [];
  for (const row of rows) {
    const segment = new Segment(await readSegment(tx, row.session_id));
    if (segment.promptId !== null) segment.endTurn('CANCELED', null);
    writes.push({
      lease: { sessionId: row.session_id, epoch: row.epoch },
      sequence: row.sequence,
      changes: segment.take(),
      position: segment.position,
      turnPosition: segment.turnPosition,
      turnPromptId: segment.promptId,
      streamPosition: row.stream_position,
    });
  }
  await writeTranscripts(tx, writes);
  await sql`
    update prompt set state = case when state = 'accepted' then 'done' else 'unknown' end
    where session_id = any(${ids}) and state in ('accepted', 'sending')
  `.execute(tx.kysely);
  await settleOpenRequests(tx, ids, 'canceled');
  await sql`
    update conversation set is_open = false, followed_by = null, epoch = epoch + 1, interrupted_at = null
    where session_id = any(${ids})
  `.execute(tx.kysely);
}
