import { Client } from 'pg';
import { type Logger, pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { prepareDatabase } from '../../src/app/prepare-database.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { createRoleWithDatabase } from '../support/role.ts';
import { waitFor } from '../support/wait-for.ts';

const neverAborted = new AbortController().signal;

describe('prepareDatabase', () => {
  it('waits for a read-only database, warns once, and migrates when it can be written', async () => {
    await using role = await createRoleWithDatabase();
    await using proxy = await startPostgresProxy(role.url);
    await role.admin(`alter role ${role.role} set default_transaction_read_only = on`);
    const { logger, warnings } = recordingLogger();
    const prepared = prepare(proxy.url, { logger });
    const looks = () => proxy.queries.filter((query) => query.includes('transaction_read_only'));
    await waitFor(() => looks().length >= 3);
    await role.admin(`alter role ${role.role} reset default_transaction_read_only`);
    await prepared;
    expect(warnings).toEqual([{ msg: 'waiting for the database', reason: 'the database is read-only.' }]);
    expect(await role.admin('select name from workspace')).toEqual([{ name: 'Default' }]);
  });

  it('waits for a connection, and says that there are too many', async () => {
    await using role = await createRoleWithDatabase('connection limit 2');
    const others = [new Client(role.url), new Client(role.url)];
    for (const other of others) await other.connect();
    const { logger, warnings } = recordingLogger();
    const prepared = prepare(role.url, { logger });
    await waitFor(() => warnings.length > 0);
    for (const other of others) await other.end();
    await prepared;
    expect(warnings).toEqual([
      {
        msg: 'waiting for the database',
        reason: `too many connections for role "${role.role}". Close other connections, or allow more.`,
      },
    ]);
  });

  it('stops waiting when the signal aborts', async () => {
    await using role = await createRoleWithDatabase();
    await role.admin(`alter role ${role.role} set default_transaction_read_only = on`);
    const stopping = new AbortController();
    const { logger, warnings } = recordingLogger();
    const prepared = prepare(role.url, { logger, signal: stopping.signal });
    const rejected = expect(prepared).rejects.toThrow('the process is stopping');
    await waitFor(() => warnings.length > 0);
    stopping.abort(new Error('the process is stopping'));
    await rejected;
  });

  it("stops waiting for another process's migration when the signal aborts", async () => {
    await using role = await createRoleWithDatabase();
    const other = new Client(role.url);
    await other.connect();
    await other.query('select pg_advisory_lock(4713002111)');
    const stopping = new AbortController();
    const prepared = prepare(role.url, { signal: stopping.signal });
    const rejected = expect(prepared).rejects.toThrow('the process is stopping');
    const waiting =
      "select from pg_stat_activity where wait_event = 'advisory' and datname = current_database()";
    await waitFor(async () => (await role.admin(waiting)).length === 1);
    stopping.abort(new Error('the process is stopping'));
    await rejected;
    await other.end();
  });

  it('refuses a database that is not UTF8 in one line', async () => {
    await using role = await createRoleWithDatabase();
    const name = `${role.database}_latin1`;
    await role.admin(
      `create database ${name} owner ${role.role} template template0 encoding 'LATIN1' locale_provider libc lc_collate 'C' lc_ctype 'C'`,
    );
    const url = new URL(role.url);
    url.pathname = name;
    await expect(prepare(url.href)).rejects.toThrow(
      "DATABASE_URL cannot be used: the database's encoding is LATIN1, which cannot store every text. " +
        'Make one with createdb --encoding=UTF8 --template=template0.',
    );
    await role.admin(`drop database ${name} with (force)`);
  });

  it('refuses a role that may not create anything in one line', async () => {
    await using role = await createRoleWithDatabase();
    await role.admin(`alter database ${role.database} owner to current_user`);
    await expect(prepare(role.url)).rejects.toThrow(
      `DATABASE_URL cannot be used: permission denied for database ${role.database}. ` +
        'Grant the role CREATE on the database and on its schema.',
    );
  });
});

function prepare(url: string, options: { logger?: Logger; signal?: AbortSignal } = {}): Promise<void> {
  const { logger = pino({ level: 'silent' }), signal = neverAborted } = options;
  return prepareDatabase({ url, setting: 'DATABASE_URL', logger, signal });
}

function recordingLogger() {
  const warnings: unknown[] = [];
  const logger = pino(
    { level: 'warn', base: undefined, timestamp: false },
    {
      write(line: string) {
        const { level: _, ...warning } = JSON.parse(line);
        warnings.push(warning);
      },
    },
  );
  return { logger, warnings };
}
