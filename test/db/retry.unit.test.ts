import { describe, expect, it, vi } from 'vitest';
import { retryWhileUnavailable } from '../../src/db/retry.ts';

const { signal } = new AbortController();
const refused = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

class EpochLostError extends Error {}

describe('retryWhileUnavailable', () => {
  it('calls the work again until the database is available', async () => {
    const work = vi.fn<() => Promise<number>>().mockRejectedValueOnce(refused()).mockResolvedValue(7);
    expect(await retryWhileUnavailable(work, signal)).toBe(7);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('calls the work again after an error of the classes in retryOn', async () => {
    const work = vi
      .fn<() => Promise<number>>()
      .mockRejectedValueOnce(new EpochLostError())
      .mockResolvedValue(7);
    expect(await retryWhileUnavailable(work, signal, [EpochLostError])).toBe(7);
  });

  it('rejects at once with every other error', async () => {
    const work = vi.fn().mockRejectedValue(new EpochLostError('the epoch is another'));
    await expect(retryWhileUnavailable(work, signal)).rejects.toThrow('the epoch is another');
    expect(work).toHaveBeenCalledTimes(1);
  });

  it("rejects with the signal's reason when it aborts between two calls", async () => {
    const stopping = new AbortController();
    const work = async () => {
      stopping.abort(new Error('the worker is stopping'));
      throw refused();
    };
    await expect(retryWhileUnavailable(work, stopping.signal)).rejects.toThrow('the worker is stopping');
  });
});
