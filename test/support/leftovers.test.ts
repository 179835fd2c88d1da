import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { endLeftovers, markName } from './leftovers.ts';
import { isRunning, startProcess } from './processes.ts';
import { waitFor } from './wait-for.ts';

describe.runIf(process.platform === 'linux')('endLeftovers', () => {
  it('kills the processes that carry the mark, and no other', async () => {
    const mark = randomUUID();
    await using other = startProcess(['sleep', '600'], { env: { [markName]: randomUUID() } });
    await using leaking = startProcess(
      ['sh', '-c', 'sh -c "echo pid \\$\\$; exec sleep 601" & wait $!; echo "ended with $?"'],
      { env: { [markName]: mark } },
    );
    const [, pid] = await leaking.waitForLine(/^pid (\d+)$/);
    // While a process replaces its program, its command line is empty, and it is not found.
    await waitFor(async () => (await readFile(`/proc/${pid}/cmdline`, 'utf8')) === 'sleep\x00601\x00');
    expect(await endLeftovers(mark, 0)).toEqual([`  pid ${pid}: sleep 601`]);
    await leaking.waitForLine(/^ended with 137$/);
    expect(isRunning(other.pid)).toBe(true);
  });
});
