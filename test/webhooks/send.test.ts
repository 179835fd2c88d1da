import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MessageSender } from '../../src/webhooks/send.ts';
import { newSecret } from '../../src/webhooks/signature.ts';
import { accept, hang, Receiver, refuse } from './receiver.ts';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
});
beforeEach(() => {
  receiver.answer = accept;
  receiver.received.length = 0;
});
afterAll(() => receiver[Symbol.asyncDispose]());

const message = { id: 'event_1', body: '{"type":"task.created"}' };
const secrets = [newSecret()];
const never = new AbortController().signal;

function send(url = receiver.url, { allowPrivate = true, signal = never } = {}) {
  return new MessageSender({ allowPrivate }).send({ url, secrets }, message, signal);
}

describe('an attempt', () => {
  it('is accepted by an answer of 2xx', async () => {
    expect(await send()).toEqual({ accepted: true, status: 204, error: null });
    expect(receiver.received[0]).toMatchObject({
      body: message.body,
      headers: { 'content-type': 'application/json', 'webhook-id': message.id },
    });
  });

  it('is not accepted by another status', async () => {
    receiver.answer = refuse;
    expect(await send()).toEqual({
      accepted: false,
      status: 500,
      error: 'The receiver answered with HTTP status 500.',
    });
  });

  it('does not follow a redirect', async () => {
    receiver.answer = (response) => response.writeHead(307, { location: receiver.url }).end();
    expect(await send()).toMatchObject({
      accepted: false,
      status: 307,
      error: expect.stringMatching(/not followed/),
    });
    expect(receiver.received).toHaveLength(1);
  });

  it('ends when a receiver does not answer within 10 seconds', async () => {
    receiver.answer = hang;
    const start = performance.now();
    expect(await send()).toMatchObject({
      accepted: false,
      status: null,
      error: expect.stringMatching(/within 10 seconds/),
    });
    expect(performance.now() - start).toBeGreaterThan(9_500);
  });

  it('reads little of an answer that never ends', async () => {
    let written = 0;
    receiver.answer = (response) => {
      response.writeHead(200);
      const write = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536;
      };
      response.on('drain', write);
      write();
    };
    expect(await send()).toMatchObject({ accepted: true, status: 200 });
    expect(written).toBeLessThan(16_000_000);
  });

  it('rejects when it is aborted, because nobody knows whether it has arrived', async () => {
    receiver.answer = hang;
    const stopping = new AbortController();
    const sent = send(receiver.url, { signal: stopping.signal });
    await receiver.until(1);
    stopping.abort(new Error('stopping'));
    await expect(sent).rejects.toThrow('stopping');
  });

  it('says why nobody answers', async () => {
    const closed = await Receiver.start();
    await closed.stop();
    expect(await send(closed.url)).toMatchObject({
      accepted: false,
      status: null,
      error: expect.stringMatching(/ECONNREFUSED/),
    });
  });
});

describe('without private addresses', () => {
  const refused = (url: string) => send(url, { allowPrivate: false });

  it.each([
    ['a loopback address', () => `https://127.0.0.1:${receiver.port}/`],
    ['a mapped loopback address', () => `https://[::ffff:127.0.0.1]:${receiver.port}/`],
    ['http', () => receiver.url],
  ])('%s is not connected to', async (_what, url) => {
    expect(await refused(url())).toMatchObject({
      accepted: false,
      status: null,
      error: expect.stringMatching(/public address/),
    });
  });

  it('a name that resolves to loopback is not connected to', async () => {
    const url = `https://localhost:${receiver.port}/`;
    expect(await refused(url)).toMatchObject({
      accepted: false,
      error: 'The name of the receiver does not resolve to a public address.',
    });
    // With the same name and port the connection is made where it is allowed, and fails for want of TLS.
    expect((await send(url)).error).toMatch(/connection/);
  });
});
