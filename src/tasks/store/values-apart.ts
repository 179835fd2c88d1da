import { type RawBuilder, sql } from 'kysely';

/**
 * SQL of `any` of these values, for `=`. In a select of its own, which PostgreSQL does not look into when it plans: it thinks a plan for
 * a list that it knows to be short cheaper than one for all lists, and would plan at each execution.
 */
export function anyOf(values: readonly string[]): RawBuilder<string> {
  return sql<string>`any ((select ${values}::text[])::text[])`;
}

/**
 * SQL of the value of a column, for a row that is looked up by its key. In a select of its own, too: where an index has all rows with the
 * value, and PostgreSQL takes them for few, as after a look at a time without any, it would read all of that index.
 */
export function valueApart(value: string): RawBuilder<string> {
  return sql<string>`(select ${sql.lit(value)})`;
}
