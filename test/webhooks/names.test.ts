import { createSocket, type Socket } from 'node:dgram';
import dns from 'node:dns/promises';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { guardedLookup } from '../../src/webhooks/addresses.ts';
import { MessageSender } from '../../src/webhooks/send.ts';
import { newSecret } from '../../src/webhooks/signature.ts';

// A DNS server of the test answers for all names.

const answers: Readonly<Record<string, string>> = {
  'loopback.test': '127.0.0.1',
  'metadata.test': '169.254.169.254',
  'private.test': '10.0.0.1',
};
/** Names that DNS says do not exist begin with this. */
const missing = 'missing';
const servers = dns.getServers();
let server: Socket;
let asked: string[] = [];

beforeAll(async () => {
  server = createSocket('udp4');
  server.on('message', (query, { port, address }) => {
    const name = nameIn(query);
    asked.push(name);
    // Names without an answer are of servers that hang.
    if (name.startsWith(missing)) server.send(answerTo(query, null), port, address);
    else if (answers[name]) server.send(answerTo(query, answers[name]), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  dns.setServers([`127.0.0.1:${server.address().port}`]);
});
beforeEach(() => {
  asked = [];
});
afterAll(() => {
  dns.setServers(servers);
  server.close();
});

/** The name of a query, which begins after a header of 12 bytes: each part with its length before it. */
function nameIn(query: Buffer): string {
  const parts: string[] = [];
  for (let at = 12; query[at]; at += (query[at] as number) + 1) {
    parts.push(query.subarray(at + 1, at + 1 + (query[at] as number)).toString());
  }
  return parts.join('.').toLowerCase();
}

/** One address for a query of type A (1), and none for others. Null: the name does not exist (3). */
function answerTo(query: Buffer, address: string | null): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const isA = query.readUInt16BE(end - 4) === 1;
  const header = Buffer.concat([
    query.subarray(0, 2),
    Buffer.from([0x81, address === null ? 0x83 : 0x80, 0, 1, 0, isA && address !== null ? 1 : 0, 0, 0, 0, 0]),
  ]);
  if (address === null) return Buffer.concat([header, query.subarray(12, end)]);
  const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]);
  return Buffer.concat([header, query.subarray(12, end), ...(isA ? [record] : [])]);
}

const sender = new MessageSender({ allowPrivate: false });
const send = (name: string, signal = new AbortController().signal) =>
  sender.send({ url: `https://${name}/`, secrets: [newSecret()] }, { id: 'event_1', body: '{}' }, signal);

it.each(Object.keys(answers))(
  'a name that DNS resolves to a private address is refused: %s',
  async (name) => {
    expect(await send(name)).toEqual({
      accepted: false,
      status: null,
      error: 'The name of the receiver does not resolve to a public address.',
    });
    expect(asked).toContain(name);
  },
);

it('a name that does not exist is answered like one of a private address', async () => {
  expect(await send(`${missing}.test`)).toEqual(await send('private.test'));
});

it('a name that DNS does not know is looked up as the system does, and the same addresses are refused', async () => {
  // In the place of a line in /etc/hosts of this machine.
  const lookup = vi.spyOn(dns, 'lookup') as unknown as ReturnType<typeof vi.fn>;
  const addressesOf = (name: string) =>
    new Promise((resolve) => {
      guardedLookup(false)(name, { all: true }, (error, addresses) => resolve(error?.message ?? addresses));
    });
  try {
    const [pub, loopback] = [
      { address: '93.184.215.14', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    lookup.mockResolvedValue([loopback, pub]);
    expect(await addressesOf(`${missing}-both.test`)).toEqual([pub]);
    lookup.mockResolvedValue([loopback]);
    expect(await addressesOf(`${missing}-loopback.test`)).toMatch('does not resolve to a public address');
    expect(lookup.mock.calls.map(([name]) => name)).toEqual([
      `${missing}-both.test`,
      `${missing}-loopback.test`,
    ]);
    // DNS answers: what the system would say does not count.
    lookup.mockResolvedValue([pub]);
    expect(await addressesOf('private.test')).toMatch('does not resolve to a public address');
  } finally {
    lookup.mockRestore();
  }
});

it('a name whose DNS server hangs keeps no other name waiting', async () => {
  const stopping = new AbortController();
  const hanging = Array.from({ length: 20 }, (_, index) =>
    send(`hanging-${index}.test`, stopping.signal).then(
      () => 'answered',
      () => 'aborted',
    ),
  );
  const first = await Promise.race([...hanging, send('private.test').then(({ error }) => error)]);
  expect(first).toBe('The name of the receiver does not resolve to a public address.');
  stopping.abort();
  expect(new Set(await Promise.all(hanging))).toEqual(new Set(['aborted']));
});
