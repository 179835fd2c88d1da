import type { Timestamp } from './task.ts';

export function addMs(at: Timestamp, ms: number): Timestamp {
  return new Date(Date.parse(at) + ms).toISOString();
}

/** Milliseconds from one instant to a later one; negative to an earlier one. */
export function msBetween(from: Timestamp, to: Timestamp): number {
  return Date.parse(to) - Date.parse(from);
}

/** An instant in ISO 8601 with a zone, as the API shows instants; null for another text, and for a day that does not exist. */
export function parseTimestamp(text: string): Timestamp | null {
  const form = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/.exec(text);
  const instant = form && new Date(text);
  if (!instant || Number.isNaN(instant.getTime())) return null;
  // `Date` takes 30 February for 2 March.
  const day = new Date(`${form[1]}T00:00:00Z`);
  return day.toISOString().startsWith(form[1] as string) ? instant.toISOString() : null;
}
