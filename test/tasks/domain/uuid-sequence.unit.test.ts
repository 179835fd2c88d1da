import { TypeID } from 'typeid-js';
import { describe, expect, it } from 'vitest';
import { newId } from '../../../src/tasks/domain/id.ts';
import { UuidSequence } from '../../../src/tasks/domain/uuid-sequence.ts';

const ms = Date.parse('2026-11-22T08:10:13.123Z');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
/** One for each of these times. */
const uuidsAt = (times: readonly number[], uuids = new UuidSequence()) =>
  times.map((time) => hex(uuids.next(time)));

describe('UuidSequence', () => {
  it('makes UUIDs of version 7 with the time that it is given', () => {
    const [uuid = ''] = uuidsAt([ms]);
    expect(Number.parseInt(uuid.slice(0, 12), 16)).toBe(ms);
    expect(uuid).toMatch(/^.{12}7.{3}[89ab]/);
  });

  it('ascends within a millisecond, also beyond what its counter holds', () => {
    const made = uuidsAt(Array.from({ length: 10_000 }, () => ms));
    expect(made).toEqual(made.toSorted());
    expect(new Set(made).size).toBe(made.length);
    // The part that is random.
    expect(new Set(made.map((uuid) => uuid.slice(16))).size).toBe(made.length);
  });

  it('ascends while the clock goes back by seconds', () => {
    const made = uuidsAt([ms, ms - 9_000, ms - 1, ms]);
    expect(made).toEqual(made.toSorted());
  });

  it('follows a clock that is set back by an hour', () => {
    const [, later = ''] = uuidsAt([ms, ms - 3_600_000]);
    expect(Number.parseInt(later.slice(0, 12), 16)).toBe(ms - 3_600_000);
  });
});

describe('newId', () => {
  it('sorts by the time that it is given', () => {
    const second = newId('task', '2099-01-01T00:00:00.002Z');
    const first = newId('task', '2098-01-01T00:00:00.001Z');
    expect([second, first].toSorted()).toEqual([first, second]);
    expect(TypeID.fromString(first).getType()).toBe('task');
  });
});
