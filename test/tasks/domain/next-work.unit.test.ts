import { describe, expect, it } from 'vitest';
import { nextWork } from '../../../src/tasks/domain/next-work.ts';
import {
  after,
  at,
  during,
  failed,
  later,
  laterMs,
  provisionedSteps,
  running,
  startingSecondSession,
  statesOf,
  withSecondSession,
} from './machine-states.ts';

const past = '2026-11-22T08:10:00.000Z';
const waiting = after(during('create_sandbox'), failed('create_sandbox', laterMs));

describe('I3 nextWork', () => {
  it('returns nothing for a task at rest', () => {
    for (const state of [...statesOf.error, ...statesOf.canceled, ...statesOf.archived, running]) {
      expect(nextWork(state, at)).toEqual({ type: 'nothing' });
    }
  });

  it('waits until the next attempt is due', () => {
    expect(nextWork(waiting, at)).toEqual({ type: 'wait', until: later });
    expect(nextWork(waiting, later)).toMatchObject({ type: 'startStep', step: { name: 'create_sandbox' } });
  });

  it('starts a step at once whose next attempt lies so far ahead that the clock must have been set back', () => {
    expect(nextWork(waiting, '2026-11-22T07:10:13.123Z')).toMatchObject({ type: 'startStep' });
  });

  it('finds running steps, running sessions and the end of provisioning', () => {
    expect(nextWork(during('ensure_agent'), at)).toMatchObject({ type: 'stepRunning' });
    expect(nextWork(provisionedSteps, at)).toEqual({ type: 'finishProvisioning' });
    expect(nextWork(withSecondSession, past)).toMatchObject({ type: 'startSession' });
    expect(nextWork(startingSecondSession, past)).toMatchObject({ type: 'sessionRunning' });
  });
});
