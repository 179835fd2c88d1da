import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Client } from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  PersistentConnection,
  type PersistentConnectionOptions,
} from '../../src/db/persistent-connection.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

const nothingListens = 'postgres://groundcrew@127.0.0.1:1/groundcrew';

let database: TestDatabase;
beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database.drop());

describe('PersistentConnection', () => {
  it('is connected once its session is set up', async () => {
    const order: string[] = [];
    const connection = open({
      setUp: async (client) => {
        await client.query('select 1');
        order.push('set up');
      },
    });
    expect(connection.connected).toBe(false);
    await connection.start();
    order.push('started');
    expect(connection.connected).toBe(true);
    expect(order).toEqual(['set up', 'started']);
  });

  it('shows its name in pg_stat_activity', async () => {
    await open({ name: 'named' }).start();
    expect(await pidsOf('groundcrew named')).toHaveLength(1);
  });

  it('sets a new session up after the server has ended the old one', async () => {
    const sessions = counter();
    const connection = open({ name: 'ended', setUp: sessions.add });
    await connection.start();
    await execute('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
      'groundcrew ended',
    ]);
    await waitFor(() => sessions.count === 2 && connection.connected);
  });

  it('sets a new session up when a probe fails', async () => {
    const sessions = counter();
    const probes = counter();
    const connection = open({
      setUp: sessions.add,
      probe: async (client) => {
        await probes.add();
        if (probes.count === 1) await client.query('select 1 / 0');
      },
    });
    await connection.start();
    await waitFor(() => sessions.count === 2 && probes.count > 1);
  });

  it('sets a new session up when the old one has gone silent', async () => {
    await using proxy = await startPostgresProxy(database.url);
    const sessions = counter();
    const connection = open({ url: proxy.url, setUp: sessions.add });
    await connection.start();
    proxy.freezeAll();
    await waitFor(() => sessions.count === 2 && connection.connected);
    await connection.stop();
  });

  it('warns once for each loss, not for each attempt to connect again', async () => {
    await using proxy = await startPostgresProxy(database.url);
    const { logger, levels } = recordingLogger();
    const connection = open({ url: proxy.url, logger });
    await connection.start();
    for (let loss = 1; loss <= 2; loss += 1) {
      proxy.away = true;
      await waitFor(() => levels.length > 0 && levels.at(-1) === 'debug');
      proxy.away = false;
      await waitFor(() => connection.connected);
      expect(levels.splice(0).filter((level) => level === 'warn')).toHaveLength(1);
    }
    await connection.stop();
  });

  it('rejects the start when it is stopped before the first connect', async () => {
    const connection = open({ url: nothingListens });
    const started = expect(connection.start()).rejects.toThrow('The connection was stopped.');
    await connection.stop();
    await started;
  });

  it('stops while the server does not answer', async () => {
    await using proxy = await startPostgresProxy(database.url);
    const connection = open({ url: proxy.url, timeoutMs: 60_000 });
    await connection.start();
    proxy.freezeAll();
    await connection.stop();
    expect(connection.connected).toBe(false);
  });

  it('leaves no connection behind when it is stopped', async () => {
    const connection = open({ name: 'stopped' });
    await connection.start();
    await connection.stop();
    await waitFor(async () => (await pidsOf('groundcrew stopped')).length === 0);
  });

  it('keeps no memory for each probe', async () => {
    const probes = counter();
    await open({ intervalMs: 0, probe: probes.add }).start();
    const heapAt = async (count: number) => {
      await waitFor(() => probes.count >= count);
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const before = await heapAt(500);
    const after = await heapAt(2_500);
    expect((after - before) / 2_000).toBeLessThan(200);
  });
});

function open(options: Partial<PersistentConnectionOptions>): PersistentConnection {
  const connection = new PersistentConnection({
    url: database.url,
    name: 'test',
    logger: pino({ level: 'silent' }),
    intervalMs: 20,
    timeoutMs: 200,
    setUp: async () => {},
    probe: async (client) => void (await client.query('select 1')),
    ...options,
  });
  onTestFinished(() => connection.stop());
  return connection;
}

/** Without it, the heap's size says nothing. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

function counter() {
  const counted = {
    count: 0,
    add: async () => {
      counted.count += 1;
    },
  };
  return counted;
}

function recordingLogger() {
  const levels: string[] = [];
  const write = (line: string) => void levels.push(pino.levels.labels[JSON.parse(line).level] as string);
  return { logger: pino({ level: 'debug' }, { write }), levels };
}

async function pidsOf(applicationName: string): Promise<number[]> {
  const rows = await execute('select pid from pg_stat_activity where application_name = $1', [
    applicationName,
  ]);
  return rows.map(({ pid }) => pid as number);
}

async function execute(text: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new Client(database.url);
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}
