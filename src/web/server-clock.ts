/** Milliseconds: the resolution of HTTP's header Date. */
const resolutionMs = 1_000;

/** Milliseconds to add to the browser's clock. Zero as long as no answer of the server contradicts it. */
let offset = 0;

/**
 * Compares the browser's clock with the header Date of an answer. `sentAt` and `receivedAt` are by the browser's clock, in
 * milliseconds. A difference that the answer's way and the header's resolution can explain is none.
 */
export function noteServerTime(date: string | null, sentAt: number, receivedAt: number): void {
  const at = Date.parse(date ?? '');
  if (Number.isNaN(at)) return;
  const least = at - receivedAt;
  const most = at + resolutionMs - sentAt;
  if (offset < least || offset > most) offset = 0 >= least && 0 <= most ? 0 : (least + most) / 2;
}

/** Milliseconds since 1970 by the server's clock, from whose instants the page counts. */
export function serverNow(): number {
  return Date.now() + offset;
}
