// Reads what it needs of a message from its bytes: a load generator that parses more measures itself.

const revisionKey = Buffer.from('"revision":');
const zero = 0x30;
const nine = 0x39;

/** Of the task that the message shows; NaN when it shows none. */
export function revisionOf(payload: Buffer): number {
  const at = payload.indexOf(revisionKey);
  return at === -1 ? Number.NaN : numberAt(payload, at + revisionKey.length);
}

const idKey = Buffer.from('"id":"');

/** Of the subscription that the message belongs to; NaN when it belongs to none. */
export function subscriptionOf(payload: Buffer): number {
  // The first one: servers write it before what the subscription shows.
  const at = payload.indexOf(idKey);
  return at === -1 ? Number.NaN : numberAt(payload, at + idKey.length);
}

function numberAt(payload: Buffer, start: number): number {
  let value = 0;
  let at = start;
  for (; at < payload.length; at += 1) {
    const byte = payload[at] as number;
    if (byte < zero || byte > nine) break;
    value = value * 10 + byte - zero;
  }
  return at === start ? Number.NaN : value;
}
