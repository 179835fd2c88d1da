import { type Expression, type RawBuilder, sql } from 'kysely';
import { mostRowsOfPage, type Range } from '../../domain/pagination.ts';
import type { TaskStatus } from '../../domain/status.ts';
import { anyOf } from '../values-apart.ts';
import type { View } from './view.ts';

// Which tasks a page has. Each statement costs the same however many tasks there are, and whatever PostgreSQL knows of them:
// it has one plan, whose choice between indexes does not depend on how often a status or a word occurs.

/** Which tasks a list is of, apart from its search. */
export interface ListedTasks {
  readonly view: View;
  /** Undefined: of all statuses. */
  readonly status: readonly TaskStatus[] | undefined;
  /** Undefined: of all projects. */
  readonly project: Expression<string> | undefined;
  readonly range: Range;
}

/**
 * How many tasks a search looks through in the order of the list before it asks the index of words, which has no order: a word
 * that every nineteenth task has fills a page of the usual size.
 */
const nearby = 400;
/** Of these, each seventh is looked at before all: where none has the word, it is rare, and the index is asked at once. */
const sampled = 7;
/** More tasks than this with a word are not sorted while there is another way. */
const rare = 2_000;
/** How many tasks a search for a word that is not rare looks through before it takes all from the index that have it. */
const farther = 20_000;

/** Greater than each id, all of which begin with a letter. */
const afterAllIds = '~';

/** The first tasks of the list, for a page of any size. */
export function pageOfIds(list: ListedTasks, count: number): RawBuilder<{ id: string }> {
  return atMost(count, firstTasks(list, mostRowsOfPage), list.range);
}

/**
 * The first tasks of the list that have all of these words. Each step is taken only where those before it were not enough, and only
 * the tasks of the last one count: it finds all that those before it have found, so that none has to be left out as the second of two.
 */
export function pageOfSearch(words: string, list: ListedTasks, count: number): RawBuilder<{ id: string }> {
  const { status, range } = list;
  // With the values in selects of their own PostgreSQL does not plan for these very ones, which takes longer than the search. The
  // search as a whole is in one: else it is parsed again for each task that is looked through.
  const hasWords = sql<boolean>`task_search.words @@ (select plainto_tsquery('simple', ${words}))`;
  const ofList = tasksOf(list)
    .$if(status !== undefined, (query) => query.where(sql<boolean>`task.status = ${anyOf(status ?? [])}`))
    .select('task.id');
  const ofIndex = ofList.innerJoin('task_search', 'task_search.task_id', 'task.id').where(hasWords);
  const isFull = sql<boolean>`(select is_full from extent)`;
  const isNear = sql<boolean>`(select is_near from nearness)`;
  const isCommon = sql<boolean>`(select is_common from rarity)`;
  const isFar = sql<boolean>`(select is_far from farness)`;
  const inFirst = sql`(
    select task_id as id from task_search
    where task_id = any (array(select id from first where not ${isFull} or exists (select from sample))) and ${hasWords}
    order by task_id ${orderOf(range)} limit ${sql.lit(mostRowsOfPage)}
  )`;
  // One task after the other, which ends with the page, and not an array of all, which takes longer to make and to sort than that. The
  // offset keeps PostgreSQL from looking in another order, and the revision has it read the row, which is on the page of the list, and
  // not a second index.
  const inRare = sql`(
    select listed.id from (select id from rare where not ${isCommon} order by id ${orderOf(range)}) listed cross join lateral (
      ${ofList.where('task.id', '=', sql.ref<string>('listed.id')).where('task.revision', '>', sql.lit(0)).offset(sql.lit(0))}
    ) found
    order by listed.id ${orderOf(range)} limit ${sql.lit(mostRowsOfPage)}
  )`;
  const inFarther = sql`(
    select listed.id from ${firstTasks(list, farther)} listed cross join lateral (
      select from task_search where task_id = listed.id and ${hasWords} offset 0
    ) found where ${isCommon}
    order by listed.id ${orderOf(range)} limit ${sql.lit(mostRowsOfPage)}
  )`;
  const found = sql`(
    (select id from near where ${isNear}
    union all ${atMost(count, inRare, range)}
    union all select id from far where ${isFar}
    union all ${ofIndex.where(sql<boolean>`${isCommon} and not ${isFar}`)})
    order by id ${orderOf(range)} limit ${sql.lit(mostRowsOfPage)}
  )`;
  return sql`(
    with first as materialized (
      ${firstTasks(list, nearby)}
    ), extent as materialized (
      select count(*) = ${sql.lit(nearby)} as is_full from first
    ), sample as materialized (
      select from task_search
      where ${isFull} and ${hasWords} and task_id = any (array(
        select id from (select id, row_number() over () as place from first) each where place % ${sql.lit(sampled)} = 0
      ))
      limit 1
    ), near as materialized (
      ${atMost(count, inFirst, range)}
    ), nearness as materialized (
      select not ${isFull} or count(*) = ${count} as is_near from near
    ), rare as materialized (
      select task_id as id from task_search
      where ${hasWords} and ${isIn(range, 'task_id')} and not ${isNear}
      limit ${sql.lit(rare + 1)}
    ), rarity as materialized (
      select count(*) > ${sql.lit(rare)} as is_common from rare
    ), far as materialized (
      ${atMost(count, inFarther, range)}
    ), farness as materialized (
      select count(*) = ${count} as is_far from far
    )
    ${atMost(count, found, range)}
  )`;
}

/**
 * The first tasks of the list. Nothing but ids, which an index has.
 *
 * `most` is a part of the text. PostgreSQL takes a bound limit for a tenth of all rows, thinks the one plan for all values dear
 * on a large table, and plans at each execution.
 */
function firstTasks(list: ListedTasks, most: number): RawBuilder<{ id: string }> {
  const { view, status, project, range } = list;
  const order = range.fromEnd ? 'asc' : 'desc';
  const ids = () => tasksOf(list).select('task.id').limit(sql.lit(most));
  if (status === undefined) return sql`${ids().orderBy('task.id', order)}`;
  // An index has the order of the ids within one status only.
  const ofStatuses = view
    .statuses(status)
    .innerJoinLateral(
      (eb) => {
        const wanted = eb.ref('wanted.status');
        if (project !== undefined) {
          return ids().where('task.status', '=', wanted).orderBy('task.id', order).as('task');
        }
        // Not `=`: then the order would be that of other indexes too, and PostgreSQL may read all tasks in it, to find the few that
        // have the status, as long as it does not know that most rows are visible to all (its visibility map).
        const isWanted = sql<boolean>`(task.status, task.id)
          between (${wanted}, ${range.before ?? ''}) and (${wanted}, ${range.after ?? afterAllIds})`;
        return ids().where(isWanted).orderBy('task.status', order).orderBy('task.id', order).as('task');
      },
      (join) => join.onTrue(),
    )
    .select('task.id')
    .orderBy('task.id', order)
    .limit(sql.lit(most));
  return sql`${ofStatuses}`;
}

/** The limit is bound, so that the text is the same for pages of all sizes. */
function atMost(count: number, ids: RawBuilder<unknown>, range: Range): RawBuilder<{ id: string }> {
  return sql`(select id from ${ids} task order by id ${orderOf(range)} limit ${count})`;
}

function orderOf({ fromEnd }: Range) {
  return fromEnd ? sql`asc` : sql`desc`;
}

function tasksOf({ view, project, range }: ListedTasks) {
  return view
    .bareTasks()
    .$if(project !== undefined, (query) => query.where('task.project_id', '=', project as Expression<string>))
    .where(isIn(range, 'task.id'));
}

/**
 * Whether the id is in the range. The cursors stand in selects of their own, as the words of a search: a plan for this very place in
 * the list may seem cheaper than one for all.
 */
function isIn({ after, before }: Range, id: string): RawBuilder<boolean> {
  const parts = [
    ...(after === null ? [] : [sql`${sql.ref(id)} < (select ${after}::text)`]),
    ...(before === null ? [] : [sql`${sql.ref(id)} > (select ${before}::text)`]),
  ];
  return parts.length > 0 ? sql`${sql.join(parts, sql` and `)}` : sql`true`;
}
