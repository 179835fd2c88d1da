import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { endLeftovers, markName } from './leftovers.ts';
import { isRunning, startProcess } from './processes.ts';

describe.runIf(process.platform === 'linux')('endLeftovers', () => {
  it('kills the processes that carry the mark, and no other', async () => {
    const mark = randomUUID();
    await using other = startProcess(['sleep', '600'], { env: { [markName]: randomUUID() } });
    await using leaking = startProcess(
      ['sh', '-c', 'sh -c "echo up; exec sleep 601" & wait $!; echo "ended with $?"'],
      {
        env: { [markName]: mark },
      },
    );
    await leaking.waitForLine(/^up$/);
    const found = await endLeftovers(mark, 0);
    expect(found).toEqual([expect.stringMatching(/^ {2}pid \d+: .*sleep 601$/)]);
    await leaking.waitForLine(/^ended with 137$/);
    expect(isRunning(other.pid)).toBe(true);
  });
});
