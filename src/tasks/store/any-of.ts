import { type RawBuilder, sql } from 'kysely';

/**
 * SQL of `any` of these values, for `=`. In a select of its own, which PostgreSQL does not look into when it plans: it thinks a plan for
 * a list that it knows to be short cheaper than one for all lists, and would plan at each execution.
 */
export function anyOf(values: readonly string[]): RawBuilder<string> {
  return sql<string>`any ((select ${values}::text[])::text[])`;
}
