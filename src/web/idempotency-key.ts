const bytes = 16;

/** Not `crypto.randomUUID`, which browsers have on https and on loopback only. */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
