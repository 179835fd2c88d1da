import { describe, expect, it } from 'vitest';
import type { SuspectWorker } from '../../../src/tasks/store/worker-registry.ts';
import type { ProcessState } from '../../../src/worker/liveness/host-process.ts';
import { type Observer, type Verdict, verdictOn } from '../../../src/worker/liveness/verdict.ts';

type Case = [when: string, verdict: Verdict, suspect: Partial<SuspectWorker>, observer?: Partial<Observer>];

const verdict = (process: ProcessState, suspect: Partial<SuspectWorker>, observer: Partial<Observer> = {}) =>
  verdictOn(
    {
      id: 'suspect',
      process: null,
      heartbeatAt: '',
      isLockFree: true,
      heartbeatAgeMs: 1_100,
      databaseMs: 0,
      hasOlderSession: true,
      hasOlderServer: true,
      ...suspect,
    },
    process,
    { stableForMs: 60_000, connectionWasLost: false, isStarting: false, ...observer },
  );

const outage = { hasOlderSession: false, hasOlderServer: false };
const cameBack = (stableForMs: number): Partial<Observer> => ({ stableForMs, connectionWasLost: true });

describe('verdictOn a worker whose process is seen', () => {
  it.each<Case>([
    ['says killed at once when it has ended', 'killed', { heartbeatAgeMs: 0 }],
    ['says killed although there was an outage', 'killed', outage, cameBack(0)],
    ['waits until the lock of an ended process is free', 'undecided', { isLockFree: false }],
  ])('%s', (_when, expected, suspect, observer) => expect(verdict('gone', suspect, observer)).toBe(expected));

  it.each<Case>([
    ['never says killed while it is alive', 'undecided', { heartbeatAgeMs: 8_900 }],
    ['gives it time after an outage', 'undecided', { ...outage, heartbeatAgeMs: 60_000 }, cameBack(6_900)],
    [
      'says lost in the outage when it does not come back',
      'lostInOutage',
      { ...outage, heartbeatAgeMs: 9_100 },
      cameBack(7_100),
    ],
    ['says hung without a heartbeat for nine seconds', 'hung', { heartbeatAgeMs: 9_100 }],
  ])('%s', (_when, expected, suspect, observer) =>
    expect(verdict('alive', suspect, observer)).toBe(expected),
  );
});

describe('verdictOn a worker whose process cannot be seen', () => {
  it.each<Case>([
    ['says killed when its lock is free for a second', 'killed', {}],
    ['waits for a second', 'undecided', { heartbeatAgeMs: 900 }],
    ['concludes nothing from a free lock after an outage', 'undecided', outage],
    ['waits after the observer has lost its own connection', 'undecided', {}, cameBack(6_900)],
    ['says killed once the observer has been back for seven seconds', 'killed', {}, cameBack(7_100)],
    ['does not believe the start time of the server', 'undecided', { hasOlderSession: false }],
    [
      'believes the start time of the server while the observer starts',
      'killed',
      { hasOlderSession: false },
      { isStarting: true, stableForMs: 0 },
    ],
    [
      'concludes nothing while the observer starts after an outage',
      'undecided',
      outage,
      { isStarting: true, stableForMs: 0 },
    ],
  ])('%s', (_when, expected, suspect, observer) =>
    expect(verdict('unknown', suspect, observer)).toBe(expected),
  );
});

describe('verdictOn a worker that has its lock', () => {
  const silent = { isLockFree: false, heartbeatAgeMs: 9_100 };

  it.each<Case>([
    ['waits for nine seconds', 'undecided', { isLockFree: false, heartbeatAgeMs: 8_900 }],
    ['says hung then', 'hung', silent],
    ['waits for three seconds after the observer has started', 'undecided', silent, { stableForMs: 2_900 }],
    [
      'waits for seven seconds after the observer has lost its own connection',
      'undecided',
      silent,
      cameBack(6_900),
    ],
    ['says hung after seven seconds', 'hung', silent, cameBack(7_100)],
    [
      'waits for seven seconds after an outage that the observer has not seen',
      'undecided',
      { ...silent, ...outage },
      { stableForMs: 6_900 },
    ],
    [
      'says lost in the outage after seven seconds',
      'lostInOutage',
      { ...silent, ...outage },
      { stableForMs: 7_100 },
    ],
  ])('%s', (_when, expected, suspect, observer) =>
    expect(verdict('unknown', suspect, observer)).toBe(expected),
  );
});
