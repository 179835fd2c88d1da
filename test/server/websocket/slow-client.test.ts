import { describe, expect, it } from 'vitest';
import { SubscriberLaggedError } from '../../../src/realtime/errors.ts';
import { connect } from '../../support/graphql-ws-client.ts';
import { waitFor } from '../../support/wait-for.ts';
import { type ExampleApp, startExample, type Thing } from '../example-app.ts';
import type { TestSource } from '../test-source.ts';

const token = 'good-a';
const query = 'subscription { thing { revision text } }';
const text = 'x'.repeat(60_000);

/** Starts one client that reads and one that has stopped reading; their sources are in this order. */
async function startPaused(tuning: Parameters<typeof startExample>[0]) {
  const example = await startExample({ ...tuning, closeTimeout: 50 });
  const reader = await connect(example.url, { token });
  const watched = reader.subscribe({ query });
  await reader.run({ query: '{ me }' });
  const paused = await connect(example.url, { token });
  const stalled = paused.subscribe({ query });
  await paused.run({ query: '{ me }' });
  paused.socket.pause();
  const [ofReader, ofPaused] = example.sources as [TestSource<Thing>, TestSource<Thing>];
  return { example, reader, watched, paused, stalled, ofReader, ofPaused };
}

function push(example: ExampleApp, revision: number): void {
  const value = { revision, text };
  for (const source of example.sources) source.push(value);
}

describe('I7 a client that stops reading', () => {
  it('does not slow down others, costs a bounded buffer, and is disconnected', async () => {
    const { example, watched, reader, paused, ofReader, ofPaused } = await startPaused({ stallTimeout: 300 });
    // More than the kernel buffers for a socket.
    const revisions = 400;
    for (let revision = 1; revision <= revisions; revision += 1) {
      push(example, revision);
      expect(await watched.next()).toMatchObject({ payload: { data: { thing: { revision } } } });
    }
    expect(ofReader.taken).toBe(revisions);
    expect(ofPaused.taken).toBeLessThan(revisions);
    await ofPaused.closed.promise;
    paused.socket.resume();
    // 1013 when the close frame arrived, 1006 when the connection was destroyed first: clients reconnect after both.
    expect([1006, 1013]).toContain((await paused.closed).code);
    await reader.close();
  });

  it('receives every value once it reads again', async () => {
    const { example, reader, paused, stalled, ofPaused } = await startPaused({ stallTimeout: 60_000 });
    const revisions = 400;
    for (let revision = 1; revision <= revisions; revision += 1) push(example, revision);
    await reader.run({ query: '{ me }' });
    expect(ofPaused.taken).toBeLessThan(revisions);
    paused.socket.resume();
    for (let revision = 1; revision <= revisions; revision += 1) {
      expect(await stalled.next()).toMatchObject({ payload: { data: { thing: { revision } } } });
    }
    await Promise.all([reader.close(), paused.close()]);
  });

  it('is disconnected with 1013 when its source reports that it lagged', async () => {
    const example = await startExample();
    const client = await connect(example.url, { token });
    const watched = client.subscribe({ query });
    await client.run({ query: '{ me }' });
    example.sources[0]?.fail(new SubscriberLaggedError('too far'));
    expect((await client.closed).code).toBe(1013);
    expect(watched.all).toEqual([]);
  });

  it('is disconnected when too much is buffered for it', async () => {
    const { paused, reader } = await startPaused({ stallTimeout: 60_000, maxBuffered: 65_536 });
    // Results of queries, for which backpressure does not apply.
    const large = { query: 'query ($t: String) { echo(text: $t) }', variables: { t: text } };
    for (let i = 0; i < 400; i += 1) paused.send({ id: `large${i}`, type: 'subscribe', payload: large });
    // A paused socket reads no close frame, but its writes fail once the connection is destroyed.
    let gone = false;
    paused.socket.once('error', () => {
      gone = true;
    });
    void paused.closed.then(() => {
      gone = true;
    });
    await waitFor(() => {
      paused.socket.ping();
      return gone;
    });
    paused.socket.resume();
    expect([1006, 1013]).toContain((await paused.closed).code);
    await reader.close();
  });
});
