import { mkdtemp, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLease } from '../../../src/sandbox/local/checkout/file-lease.ts';
import { waitFor } from '../../support/wait-for.ts';

const { signal } = new AbortController();

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'groundcrew-lease-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('withLease', () => {
  it('waits for a living holder, whatever the clock was set to since its heartbeat', async () => {
    const path = join(folder, 'lease');
    const order: string[] = [];
    const done = Promise.withResolvers<void>();
    const holding = Promise.withResolvers<void>();
    const first = withLease(path, signal, async () => {
      holding.resolve();
      await done.promise;
      order.push('first');
    });
    await holding.promise;
    // As if the clock had been set ahead by an hour.
    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(path, hourAgo, hourAgo);
    const second = withLease(path, signal, async () => void order.push('second'));
    // The heartbeat of the holder.
    await waitFor(async () => (await stat(path)).mtimeMs > hourAgo.getTime() + 60_000);
    done.resolve();
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
  });
});
