import type { InferKyselyDB } from '@mikro-orm/postgresql';
import type { Generated } from 'kysely';
import type { entities } from './entities.ts';

/** A column as PostgreSQL's driver gives it: an instant is text. */
type Stored<Value> = Value extends Generated<Date> ? Generated<string> : Value extends Date ? string : Value;

type Rows = InferKyselyDB<(typeof entities)[number]>;

/** The tables as MikroORM's typed query builder sees them: names and types come from the entities. */
export type Tables = { [T in keyof Rows]: { [C in keyof Rows[T]]: Stored<Rows[T][C]> } };
