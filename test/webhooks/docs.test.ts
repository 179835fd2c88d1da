import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, validate } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSchema } from '../../src/schema/schema.ts';
import { MessageSender } from '../../src/webhooks/send.ts';
import { newSecret } from '../../src/webhooks/signature.ts';
import { type Received, Receiver } from './receiver.ts';

// What docs/webhooks.md shows is run as it stands there.

const run = promisify(execFile);
const page = await readFile('docs/webhooks.md', 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, name, code]) =>
    name === language ? [code as string] : [],
  );
const hasPython = await run('python3', ['--version']).then(
  () => true,
  () => false,
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'groundcrew-webhooks-'));
  await writeFile(join(folder, 'verify.mjs'), blocks('js')[0] as string);
  await writeFile(join(folder, 'verify.py'), blocks('python')[0] as string);
});
afterAll(() => rm(folder, { recursive: true }));

const programs = {
  Node: [
    'node',
    '--input-type=module',
    '-e',
    `import { verify } from './verify.mjs';
     const { secret, headers, body } = JSON.parse(process.argv[1]);
     process.stdout.write(verify(secret, headers, Buffer.from(body)).type);`,
  ],
  Python: [
    'python3',
    '-c',
    `import json, sys; from verify import verify
delivery = json.loads(sys.argv[1])
print(verify(delivery["secret"], delivery["headers"], delivery["body"].encode())["type"], end="")`,
  ],
} as const;

/** A delivery as a receiver gets it over HTTP. */
async function deliver(secrets: readonly string[]): Promise<Received> {
  await using receiver = await Receiver.start();
  const message = { id: 'event_1', body: '{"type":"task.created","data":{"title":"Größe ✓"}}' };
  await new MessageSender({ allowPrivate: true }).send(
    { url: receiver.url, secrets },
    message,
    new AbortController().signal,
  );
  return receiver.received[0] as Received;
}

describe.each(Object.entries(programs))(
  'the lines of %s in docs/webhooks.md',
  (language, [program, ...args]) => {
    const skip = language === 'Python' && !hasPython;
    const verify = async (secret: string, received: Received) => {
      const { headers, body } = received;
      const { stdout } = await run(program, [...args, JSON.stringify({ secret, headers, body })], {
        cwd: folder,
      });
      return stdout;
    };

    it.skipIf(skip)('verify a delivery with either of its secrets', async () => {
      const secrets = [newSecret(), newSecret()];
      const received = await deliver(secrets);
      for (const secret of secrets) expect(await verify(secret, received)).toBe('task.created');
    });

    it.skipIf(skip)('refuse another secret, another body, another id and an old delivery', async () => {
      const secret = newSecret();
      const received = await deliver([secret]);
      const { headers, body } = received;
      const old = String(Number(headers['webhook-timestamp']) - 600);
      await expect(verify(newSecret(), received)).rejects.toThrow('The signature is wrong.');
      await expect(verify(secret, { ...received, body: `${body} ` })).rejects.toThrow(
        'The signature is wrong.',
      );
      await expect(
        verify(secret, { ...received, headers: { ...headers, 'webhook-id': 'event_2' } }),
      ).rejects.toThrow('The signature is wrong.');
      await expect(
        verify(secret, { ...received, headers: { ...headers, 'webhook-timestamp': old } }),
      ).rejects.toThrow('The delivery is too old.');
    });
  },
);

it('docs/webhooks.md shows operations that the API has', () => {
  const operations = blocks('graphql');
  expect(operations.length).toBeGreaterThan(2);
  for (const operation of operations) expect(validate(buildSchema(), parse(operation))).toEqual([]);
});
