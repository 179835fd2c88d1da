import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PreparedClient } from '../../src/db/prepared-client.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database.drop());

describe('PreparedClient', () => {
  it('prepares a statement with values once for a connection', async () => {
    await using client = await connect();
    for (const value of [1, 2, 3]) {
      const { rows } = await client.query<{ value: number }>('select $1::int as value', [value]);
      expect(rows).toEqual([{ value }]);
    }
    expect(await client.preparedTexts()).toEqual(['select $1::int as value']);
  });

  it('prepares no statement without values', async () => {
    await using client = await connect();
    await client.query('select 1');
    await client.query('select 2', []);
    expect(await client.preparedTexts()).toEqual([]);
  });

  it('gives no more than a thousand names, and runs further statements without one', async () => {
    await using client = await connect();
    for (let index = 0; index < 1_010; index += 1) {
      const { rows } = await client.query(`select $1::int + ${index} as sum`, [1]);
      expect(rows).toEqual([{ sum: index + 1 }]);
    }
    expect((await client.preparedTexts()).length).toBeLessThanOrEqual(1_000);
  });

  it('rejects a query that fails, and stays usable', async () => {
    await using client = await connect();
    await expect(client.query('select 1 / $1::int', [0])).rejects.toThrow('division by zero');
    expect((await client.query('select 1 / $1::int as one', [1])).rows).toEqual([{ one: 1 }]);
  });

  it('destroys its connection when a query gets no answer in time', async () => {
    await using proxy = await startPostgresProxy(database.url);
    const client = new PreparedClient({ connectionString: proxy.url, query_timeout: 100 });
    const ended = new Promise((resolve) => client.once('end', resolve));
    client.on('error', () => {});
    await client.connect();
    proxy.freezeAll();
    await expect(client.query('select $1::int', [1])).rejects.toThrow('Query read timeout');
    await ended;
  });
});

class TestClient extends PreparedClient implements AsyncDisposable {
  async preparedTexts(): Promise<string[]> {
    const { rows } = await this.query<{ statement: string }>('select statement from pg_prepared_statements');
    return rows.map(({ statement }) => statement);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

async function connect(): Promise<TestClient> {
  const client = new TestClient({ connectionString: database.url });
  await client.connect();
  return client;
}
