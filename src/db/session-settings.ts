/**
 * Settings of each session, over those of the role, the database and the server. Our code relies on them: instants are
 * read as ISO 8601, statements are written for READ COMMITTED, and literals have no escapes. Timeouts are ours, too: a
 * statement that is cut off by another one looks like a fault. How statements are planned does not depend on what the server was
 * set up for.
 */
const settings = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read committed',
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_session_timeout: '0',
  // A process that is stopped or cut off in a transaction must not keep its locks: no other worker could take its tasks.
  idle_in_transaction_session_timeout: '5s',
  // All that is looked for has an index. A plan that is made while the tables are new reads them as a whole, or sorts all that
  // an index finds, and is kept while they fill, until PostgreSQL next looks at their size: each create took twice as long
  // after 5,000 others, and each look for a job beside 1,000 others.
  enable_seqscan: 'off',
  random_page_cost: '1',
  seq_page_cost: '1',
  // For statements that take seconds. Compiling, before PostgreSQL 18, also begins where a table has to be read as a whole. Processes
  // that help are started, in 10 ms, also for a part of a statement that turns out not to be needed.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
} as const;

const values = Object.entries(settings).map(([name, value]) => `('${name}', '${value}')`);

/** Sets all of them that the server has: transaction_timeout is new in PostgreSQL 17. */
export const applySessionSettings = `
  select set_config(name, value, false) from (values ${values.join(', ')}) as settings (name, value)
  where current_setting(name, true) is not null`;
