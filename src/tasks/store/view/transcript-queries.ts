import { sql } from 'kysely';
import { type Page, type PageArguments, pageOf, rangeOf } from '../../domain/pagination.ts';
import type { TranscriptItem } from '../../domain/transcript/item.ts';
import { addedText, type ItemRow, itemColumns, toItem } from '../transcript-rows.ts';
import { anyOf } from '../values-apart.ts';
import type { View } from './view.ts';

// What may be seen of transcripts. Each read begins with the view.

/** The numbers of the last changes of these sessions' transcripts, in their order; 0 for what the viewer does not see. */
export async function findSequences(view: View, sessionIds: readonly string[]): Promise<number[]> {
  const rows = await view
    .sessionsAt(sessionIds)
    .innerJoin('conversation', 'conversation.session_id', 'session.id')
    .select('conversation.sequence')
    .execute();
  const sequences = new Map(rows.map(({ place, sequence }) => [place, sequence]));
  return sessionIds.map((_, index) => sequences.get(index + 1) ?? 0);
}

/** For each of these sessions a page of its transcript, oldest first: one statement for all. */
export async function pageItemsOfSessions(
  view: View,
  sessionIds: readonly string[],
  page: PageArguments,
): Promise<Page<TranscriptItem>[]> {
  const range = rangeOf(page);
  const order = range.fromEnd ? sql`desc` : sql`asc`;
  const rows = await view
    .sessionsAt(sessionIds)
    .innerJoinLateral(
      sql<ItemRow>`(
        select ${itemColumns} from (
          select * from transcript_item
          where transcript_item.session_id = parent.id
            and position > ${toPosition(range.after, 0)} and position < ${toPosition(range.before, maxPosition)}
          order by position ${order} limit ${range.limit + 1}
        ) item ${addedText}
      )`.as('item'),
      (join) => join.onTrue(),
    )
    .selectAll('item')
    .orderBy('parent.place')
    .orderBy('item_position', range.fromEnd ? 'desc' : 'asc')
    .execute();
  return sessionIds.map((_, index) =>
    pageOf(
      rows.filter(({ place }) => place === index + 1).map((row) => toItem(row as ItemRow)),
      range,
      (item) => String(item.position),
    ),
  );
}

/** The items of these ids that the viewer sees, in no order. */
export async function findItems(view: View, ids: readonly string[]): Promise<TranscriptItem[]> {
  const rows = await view.items().where('found.id', '=', anyOf(ids)).execute();
  return rows.map((row) => toItem(row as ItemRow));
}

export interface ItemPlace {
  readonly sessionId: string;
  readonly position: number;
}

/** The items at these places, in their order; null for what does not exist or is not the viewer's. */
export async function findItemsAt(
  view: View,
  places: readonly ItemPlace[],
): Promise<(TranscriptItem | null)[]> {
  const rows = await view
    .items()
    .where(
      sql<boolean>`(found.session_id, found.position) in (select * from unnest(
        ${places.map(({ sessionId }) => sessionId)}::text[], ${places.map(({ position }) => position)}::int[]))`,
    )
    .execute();
  const items = rows.map((row) => toItem(row as ItemRow));
  return places.map(
    (place) =>
      items.find((item) => item.sessionId === place.sessionId && item.position === place.position) ?? null,
  );
}

const maxPosition = 2_147_483_647;

/** The position that a cursor holds; one that shows nothing for another list's cursor. */
function toPosition(key: string | null, otherwise: number): number {
  if (key === null) return otherwise;
  return /^\d{1,9}$/.test(key) ? Number(key) : maxPosition - otherwise;
}
