import { describe, expect, it } from 'vitest';
import { connect, type GraphqlWsClient, type Operation } from '../../support/graphql-ws-client.ts';
import { type ExampleApp, startExample, type Thing } from '../example-app.ts';

const query = 'subscription Watch($text: String) { thing { revision same(text: $text) viewer } }';

/** Opens subscriptions one after the other, so that subscription i has source i. */
async function subscribeAll(clients: readonly GraphqlWsClient[], operations: readonly Operation[]) {
  const subscriptions = [];
  for (const [i, operation] of operations.entries()) {
    const client = clients[i % clients.length] as GraphqlWsClient;
    subscriptions.push(client.subscribe(operation));
    await client.run({ query: '{ me }' });
  }
  return subscriptions;
}

async function deliver(
  example: ExampleApp,
  subscriptions: Awaited<ReturnType<typeof subscribeAll>>,
  value: Thing,
) {
  for (const source of example.sources) source.push(value);
  return Promise.all(subscriptions.map(async (subscription) => (await subscription.next()).payload));
}

describe('I8 SharedExecution', () => {
  it('executes each value once for subscribers on different sockets and with different ids', async () => {
    const example = await startExample();
    const clients = await Promise.all(
      ['good-ab', 'good-ac', 'good-ad'].map((token) => connect(example.url, { token })),
    );
    const operations = Array.from({ length: 9 }, () => ({ query, variables: { text: 'x' } }));
    const subscriptions = await subscribeAll(clients, operations);
    for (const revision of [1, 2]) {
      const payloads = await deliver(example, subscriptions, { revision });
      expect(new Set(payloads.map((payload) => JSON.stringify(payload))).size).toBe(1);
      expect(payloads[0]).toMatchObject({ data: { thing: { revision, same: 'x' } } });
      expect(example.executions).toBe(revision);
    }
    await Promise.all(clients.map((client) => client.close()));
  });

  it.each<[what: string, tokens: string[], operations: Operation[], executions: number]>([
    ['separately for other variables', ['good-a'], [{ query, variables: { text: 'x' } }, { query }], 2],
    [
      'separately for another document',
      ['good-a'],
      [{ query }, { query: 'subscription { thing { revision } }' }],
      2,
    ],
    ['separately for another access scope', ['good-a', 'good-b'], [{ query }, { query }], 2],
    [
      'separately for another operation',
      ['good-a'],
      ['A', 'B'].map((operationName) => ({
        query: 'subscription A { thing { revision } } subscription B { thing { revision text } }',
        operationName,
      })),
      2,
    ],
    ['once when all of these are equal', ['good-a'], [{ query }, { query, variables: undefined }], 1],
  ])('executes %s', async (_what, tokens, operations, executions) => {
    const example = await startExample();
    const clients = await Promise.all(tokens.map((token) => connect(example.url, { token })));
    const subscriptions = await subscribeAll(clients, operations);
    const payloads = await deliver(example, subscriptions, { revision: 1, text: 'hello' });
    expect(example.executions).toBe(executions);
    for (const [i, token] of tokens.entries()) {
      if (tokens.length > 1) expect(payloads[i]).toMatchObject({ data: { thing: { viewer: token } } });
    }
    await Promise.all(clients.map((client) => client.close()));
  });

  it('retries a value after a transient error', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token: 'good-a' });
    const operation = { query: 'subscription { thing { revision wobbles } }' };
    const subscriptions = await subscribeAll([client], [operation, operation]);
    example.wobbles = 2;
    for (const revision of [1, 2]) {
      const payloads = await deliver(example, subscriptions, { revision });
      expect(payloads).toEqual(subscriptions.map(() => ({ data: { thing: { revision, wobbles: 1 } } })));
    }
    expect(example.wobbles).toBeLessThan(0);
    await client.close();
  });

  it('logs an error that all subscribers receive once', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token: 'good-a' });
    const operation = { query: 'subscription { thing { revision breaks } }' };
    const subscriptions = await subscribeAll([client], [operation, operation, operation]);
    await deliver(example, subscriptions, { revision: 1 });
    expect(example.log.filter((line) => line.level === 50)).toHaveLength(1);
    await client.close();
  });
});
