import { createRequire } from 'node:module';
import type { Client } from 'urql';
import { expect, it } from 'vitest';
import { createGroundcrew } from '../../src/client/client.ts';

it('offers a client that the Provider of urql for React accepts', async () => {
  const groundcrew = createGroundcrew({ url: 'http://127.0.0.1:9', token: 'token-of-the-test' });
  groundcrew.urql satisfies Client;
  await groundcrew.close();
  // Two copies of urql's core would not share a client.
  const ours = createRequire(import.meta.url);
  const react = createRequire(ours.resolve('urql'));
  expect(react.resolve('@urql/core')).toBe(ours.resolve('@urql/core'));
});
