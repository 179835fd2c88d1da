import type { Timestamp } from './task.ts';

export function addMs(at: Timestamp, ms: number): Timestamp {
  return new Date(Date.parse(at) + ms).toISOString();
}

/** Milliseconds from one instant to a later one; negative to an earlier one. */
export function msBetween(from: Timestamp, to: Timestamp): number {
  return Date.parse(to) - Date.parse(from);
}
