import { type Expression, type RawBuilder, sql } from 'kysely';
import type { Range } from '../../domain/pagination.ts';
import type { TaskStatus } from '../../domain/status.ts';
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
 * that every twentieth task has fills a page of the usual size.
 */
const nearby = 400;
/** More tasks than this with a word are not sorted while there is another way. */
const rare = 2_000;
/** How many tasks a search for a word that is not rare looks through before it takes all from the index that have it. */
const farther = 20_000;

/**
 * The first tasks of the list. Nothing but ids, which an index has: with another column PostgreSQL may choose to read tasks in
 * their order until enough of them have the status, through all tasks for a status that few have.
 */
export function firstTasks(list: ListedTasks, count: number): RawBuilder<{ id: string }> {
  const { view, status, range } = list;
  const order = range.fromEnd ? 'asc' : 'desc';
  const inOrder = () => tasksOf(list).select('task.id').orderBy('task.id', order).limit(count);
  if (status === undefined) return sql`${inOrder()}`;
  // An index has the order of the ids within one status only.
  const ofStatuses = view
    .statuses(status)
    .innerJoinLateral(
      (eb) => inOrder().where('task.status', '=', eb.ref('wanted.status')).as('task'),
      (join) => join.onTrue(),
    )
    .select('task.id')
    .orderBy('task.id', order)
    .limit(count);
  return sql`${ofStatuses}`;
}

/** The first tasks of the list that have all of these words. Each step is taken only where those before it were not enough. */
export function firstTasksWith(words: string, list: ListedTasks, count: number): RawBuilder<{ id: string }> {
  const { status, range } = list;
  const order = sql.raw(range.fromEnd ? 'asc' : 'desc');
  const hasWords = sql<boolean>`task.words @@ plainto_tsquery('simple', ${words})`;
  const listed = tasksOf(list)
    .$if(status !== undefined, (query) => query.where('task.status', '=', sql<TaskStatus>`any(${status})`))
    .select('task.id');
  const isRare = sql<boolean>`(select count(*) from rare) <= ${rare}`;
  return sql`(
    with first as materialized (
      ${firstTasks(list, nearby)}
    ), near as materialized (
      select task.id from task where task.id = any (array(select id from first)) and ${hasWords}
      order by task.id ${order} limit ${count}
    ), rare as materialized (
      select task.id from task
      where ${hasWords} and (select count(*) from first) = ${nearby} and (select count(*) from near) < ${count}
      limit ${rare + 1}
    ), far as materialized (
      select task.id from task where task.id = any (array${firstTasks(list, farther)}) and ${hasWords} and not ${isRare}
      order by task.id ${order} limit ${count}
    )
    select id from (
      select id from near
      union ${listed.where('task.id', '=', sql<string>`any (array(select id from rare))`)}
      union select id from far
      union ${listed.where(hasWords).where(sql<boolean>`not ${isRare} and (select count(*) from far) < ${count}`)}
    ) task order by id ${order} limit ${count}
  )`;
}

function tasksOf({ view, project, range }: ListedTasks) {
  return view
    .bareTasks()
    .$if(project !== undefined, (query) => query.where('task.project_id', '=', project as Expression<string>))
    .$if(range.after !== null, (query) => query.where('task.id', '<', range.after))
    .$if(range.before !== null, (query) => query.where('task.id', '>', range.before));
}
