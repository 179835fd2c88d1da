import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connectionOptions } from '../../src/db/connection.ts';
import { DatabaseClient } from '../../src/db/database-client.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { createRoleWithDatabase } from '../support/role.ts';

describe('DatabaseClient', () => {
  it('has our session settings instead of those of its role', async () => {
    const settings = [
      ['DateStyle', 'SQL, DMY', 'ISO, MDY'],
      ['IntervalStyle', 'sql_standard', 'postgres'],
      ['TimeZone', 'Asia/Kolkata', 'UTC'],
      ['bytea_output', 'escape', 'hex'],
      ['extra_float_digits', '-15', '1'],
      ['standard_conforming_strings', 'off', 'on'],
      ['default_transaction_isolation', 'serializable', 'read committed'],
      ['statement_timeout', '5s', '0'],
      ['lock_timeout', '5s', '0'],
      ['transaction_timeout', '5s', '0'],
      ['idle_session_timeout', '5s', '0'],
      ['idle_in_transaction_session_timeout', '1s', '5s'],
      ['enable_seqscan', 'on', 'off'],
      ['random_page_cost', '4', '1'],
      ['seq_page_cost', '2', '1'],
      ['jit', 'on', 'off'],
      ['max_parallel_workers_per_gather', '2', '0'],
    ] as const;
    await using role = await createRoleWithDatabase();
    for (const [name, ofRole] of settings)
      await role.admin(`alter role ${role.role} set ${name} = '${ofRole}'`);
    const client = new DatabaseClient(connectionOptions(role.url));
    await client.connect();
    for (const [name, , ours] of settings) {
      const { rows } = await client.query('select current_setting($1) as value', [name]);
      expect(rows, name).toEqual([{ value: ours }]);
    }
    await client.end();
  });

  it('leaves the search_path to the role', async () => {
    await using role = await createRoleWithDatabase();
    await role.admin(`alter role ${role.role} set search_path = elsewhere`);
    const client = new DatabaseClient(connectionOptions(role.url));
    await client.connect();
    const { rows } = await client.query("select current_setting('search_path') as value");
    await client.end();
    expect(rows).toEqual([{ value: 'elsewhere' }]);
  });

  it('rejects a connect whose client is closed before the server has answered', async () => {
    const asked = Promise.withResolvers<void>();
    const server = createServer((socket) => socket.once('data', () => asked.resolve())).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = new DatabaseClient(
      connectionOptions(`postgres://groundcrew@127.0.0.1:${port}/groundcrew`),
    );
    const connected = client.connect();
    await asked.promise;
    client.close();
    await expect(connected).rejects.toThrow('The connection was closed while it was being opened.');
    server.close();
  });

  it('destroys its connection when a query gets no answer in time', async () => {
    await using role = await createRoleWithDatabase();
    await using proxy = await startPostgresProxy(role.url);
    const client = new DatabaseClient({ ...connectionOptions(proxy.url), query_timeout: 200 });
    const ended = new Promise((resolve) => client.once('end', resolve));
    await client.connect();
    proxy.freezeAll();
    await expect(client.query('select 1')).rejects.toThrow('Query read timeout');
    await ended;
  });

  it('rejects the next query after the server has ended the connection, and does not end the process', async () => {
    await using role = await createRoleWithDatabase();
    const client = new DatabaseClient(connectionOptions(role.url));
    const ended = new Promise((resolve) => client.once('end', resolve));
    await client.connect();
    await role.admin(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role.role}'`);
    await ended;
    await expect(client.query('select 1')).rejects.toThrow('not queryable');
  });
});
