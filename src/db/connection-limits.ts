import type { Client } from 'pg';

/** Whose limit it is, as the server names it. */
export interface ConnectionLimit {
  readonly of: 'role' | 'database' | 'server';
  /** Of the role or the database, quoted where SQL needs that; empty for the server. */
  readonly name: string;
  readonly limit: number;
  /** How many of them are not taken. Negative when the limit was lowered. */
  readonly free: number;
}

/** How many connections the server, the database and the role allow us. Superusers are under the first limit only. */
export async function readConnectionLimits(client: Client): Promise<ConnectionLimit[]> {
  const { rows } = await client.query<ConnectionLimit>(
    `with used as (
       select count(*) as server, count(*) filter (where usename = current_user) as role,
         count(*) filter (where datname = current_database()) as database
       from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
     ), me as (
       select quote_ident(rolname) as name, rolconnlimit as "limit", rolsuper from pg_roles where rolname = current_user
     ), limits as (
       select 'server' as of, '' as name, current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0) as "limit", used.server as used from used
       union all
       select 'role', name, "limit", used.role from me, used where not rolsuper
       union all
       select 'database', quote_ident(datname), datconnlimit, used.database from pg_database, me, used
       where datname = current_database() and not rolsuper
     )
     select of, name, "limit", ("limit" - used)::int as free from limits where "limit" >= 0`,
  );
  return rows;
}

/** `the role app`. */
export function ownerOf({ of, name }: ConnectionLimit): string {
  return `the ${of} ${name}`.trimEnd();
}
