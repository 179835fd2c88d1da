import { describe, expect, it } from 'vitest';
import { networkOf, WrongTokens } from '../../src/access/wrong-tokens.ts';

describe('wrong tokens', () => {
  it('are refused with the limit and a time to wait after a hundred in a minute, for their address alone', async () => {
    const wrong = new WrongTokens();
    for (let count = 0; count < 100; count += 1) await wrong.count('192.0.2.1');
    await expect(wrong.count('192.0.2.1')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      message: 'Too many wrong tokens from this address: at most 100 a minute are allowed.',
      retryAfterMs: expect.toSatisfy((ms: number) => ms > 0 && ms <= 60_000),
    });
    await wrong.count('192.0.2.2');
    // A right token of that address gets its turn, and only so many may wait.
    const turns = await Promise.allSettled(Array.from({ length: 21 }, () => wrong.waitForTurn('192.0.2.1')));
    expect(turns.map(({ status }) => status)).toEqual([...Array(20).fill('fulfilled'), 'rejected']);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['unknown', 'unknown'],
  ])('counts %s as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
