/**
 * Settings of each session, over those of the role, the database and the server. Our code relies on them: instants are
 * read as ISO 8601, statements are written for READ COMMITTED, and literals have no escapes. Timeouts are ours, too: a
 * statement that is cut off by another one looks like a fault.
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
} as const;

const values = Object.entries(settings).map(([name, value]) => `('${name}', '${value}')`);

/** Sets all of them that the server has: transaction_timeout is new in PostgreSQL 17. */
export const applySessionSettings = `
  select set_config(name, value, false) from (values ${values.join(', ')}) as settings (name, value)
  where current_setting(name, true) is not null`;
