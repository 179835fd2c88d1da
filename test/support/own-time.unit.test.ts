import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { OwnTime } from './own-time.ts';
import { range } from './range.ts';
import { waitFor } from './wait-for.ts';

const busyFor = (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

it.runIf(process.platform === 'linux')(
  'the own time of a process leaves out what other processes took of the processor',
  async () => {
    const time = new OwnTime();
    const others = range(1, 4 * availableParallelism()).map(() =>
      spawn(process.execPath, ['-e', 'for (;;);']),
    );
    try {
      await Promise.all(others.map((other) => new Promise((resolve) => other.once('spawn', resolve))));
      const [began, ownBegan] = [performance.now(), time.now()];
      busyFor(500);
      const [took, ownTook] = [performance.now() - began, time.now() - ownBegan];
      expect(ownTook).toBeGreaterThan(0);
      expect(ownTook).toBeLessThan(took * 0.8);
    } finally {
      for (const other of others) other.kill('SIGKILL');
    }
  },
);

it('the own time of a process that waits for a timer goes on', async () => {
  const time = new OwnTime();
  const began = time.now();
  await waitFor(() => time.now() - began > 200);
});
