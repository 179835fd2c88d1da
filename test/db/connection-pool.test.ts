import { Client } from 'pg';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { ConnectionPool } from '../../src/db/connection-pool.ts';
import { PersistentConnection } from '../../src/db/persistent-connection.ts';
import { createRoleWithDatabase } from '../support/role.ts';
import { waitFor } from '../support/wait-for.ts';

// Each role may have fewer connections than its pool is large.

describe('ConnectionPool', () => {
  it('answers all queries with the connections that the server allows', async () => {
    await using role = await createRoleWithDatabase('connection limit 2');
    const pool = openPool(role.url, 10);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        pool.query('select $1::int as value, pg_sleep(0.01)', [index]),
      ),
    );
    expect(answers.map(({ rows }) => rows[0].value)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(pool.totalCount).toBeLessThanOrEqual(2);
    await pool.end();
  });

  it('opens one connection at a time, and no more than callers wait for', async () => {
    await using role = await createRoleWithDatabase();
    const pool = openPool(role.url, 10);
    const query = (seconds: number) => pool.query('select pg_sleep($1)', [seconds]);
    await Promise.all(Array.from({ length: 20 }, () => query(0)));
    expect(pool.totalCount).toBeLessThan(10);
    await Promise.all(Array.from({ length: 10 }, () => query(1)));
    expect(pool.totalCount).toBe(10);
    await pool.end();
  });

  it('tells every caller that waits why no connection can be opened', async () => {
    const pool = openPool('postgres://groundcrew@127.0.0.1:1/groundcrew', 10);
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => pool.query('select 1')));
    for (const answer of answers) expect(answer).toMatchObject({ reason: { code: 'ECONNREFUSED' } });
    await pool.end();
  });

  it('waits while the server has no connection left for it', async () => {
    await using role = await createRoleWithDatabase('connection limit 1');
    const other = await connect(role.url);
    const pool = openPool(role.url, 10);
    const answer = pool.query('select 1 as one');
    const refused = async () => {
      const attempts = await role.admin(`select from pg_stat_activity where usename = '${role.role}'`);
      return attempts.length === 1 && pool.waitingCount + pool.totalCount === 0;
    };
    await waitFor(refused);
    await other.end();
    expect((await answer).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it('calls back with a connection, as pg-pool does', async () => {
    await using role = await createRoleWithDatabase();
    const pool = openPool(role.url, 1);
    const rows = await new Promise((resolve, reject) => {
      pool.connect(async (error, client, release) => {
        if (!client) return reject(error);
        resolve((await client.query('select 1 as one')).rows);
        release();
      });
    });
    expect(rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it('calls back with the error when there is no server', async () => {
    const pool = openPool('postgres://groundcrew@127.0.0.1:1/groundcrew', 1);
    const error = await new Promise((resolve) => pool.connect(resolve));
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    await pool.end();
  });

  it('gives a connection back for a persistent one that the server has refused', async () => {
    await using role = await createRoleWithDatabase('connection limit 3');
    const pool = openPool(role.url, 10);
    let isBusy = true;
    const load = Array.from({ length: 6 }, async () => {
      while (isBusy) await pool.query('select pg_sleep(0.01)');
    });
    const session = new PersistentConnection({
      url: role.url,
      name: 'test',
      logger: pino({ level: 'silent' }),
      pool,
      setUp: async () => {},
      probe: async () => {},
      intervalMs: 1_000,
      timeoutMs: 5_000,
    });
    try {
      const connected = `select from pg_stat_activity where usename = '${role.role}'`;
      await waitFor(async () => (await role.admin(connected)).length === 3);
      await session.start();
    } finally {
      isBusy = false;
      await Promise.all(load);
      await session.stop();
      await pool.end();
    }
  });

  it('survives that the server ends its connections, idle or in use', async () => {
    await using role = await createRoleWithDatabase();
    const pool = openPool(role.url, 2);
    const end = `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role.role}'`;
    await pool.query('select 1');
    await role.admin(end);
    const client = await pool.connect();
    await role.admin(end);
    await expect(client.query('select 1')).rejects.toThrow();
    client.release();
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });
});

function openPool(url: string, size: number): ConnectionPool {
  return new ConnectionPool({ url, size, statementTimeoutMs: 10_000 });
}

async function connect(url: string): Promise<Client> {
  const client = new Client(url);
  await client.connect();
  return client;
}
