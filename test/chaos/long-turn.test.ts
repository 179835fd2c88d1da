import { expect, it } from 'vitest';
import { isLong } from '../support/chaos-form.ts';
import { startLocalAgents } from '../support/local-agents.ts';

/** The agent server gives up requests after 120 seconds, unless it is told otherwise. */
const seconds = 130;

it.runIf(isLong)(
  'I20 a turn of a real agent that is silent for 130 seconds ends when the agent says so, with all that it said',
  async () => {
    await using local = await startLocalAgents({ amp: '' });
    const { taskId, sessionId, copy } = await local.open('amp', `for ${seconds}`);
    await local.send(sessionId, 'and then');
    await copy.until(
      ({ list }) => list.filter(({ stopReason }) => stopReason).length === 2,
      (seconds + 60) * 1_000,
    );
    expect(copy.list.map(({ text, stopReason }) => stopReason ?? text)).toEqual([
      `for ${seconds}`,
      `You say: for ${seconds} and at last`,
      'END_TURN',
      'and then',
      'You say: and then',
      'END_TURN',
    ]);
    expect((await local.ledger('amp')).filter((line) => line.includes('prompt'))).toHaveLength(2);
    await local.cancel(taskId);
  },
  (seconds + 180) * 1_000,
);
