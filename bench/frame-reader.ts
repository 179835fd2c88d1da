/**
 * Cuts what a WebSocket server sends into messages and does nothing else with them: a load generator that parses more
 * than it needs measures itself. For whole, unmasked text frames, as `ws` sends them.
 */
export class FrameReader {
  readonly #onMessage: (payload: Buffer) => void;
  readonly #onPing: () => void;
  #rest: Buffer | undefined;

  constructor(onMessage: (payload: Buffer) => void, onPing: () => void) {
    this.#onMessage = onMessage;
    this.#onPing = onPing;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    let offset = 0;
    for (;;) {
      const start = payloadStart(bytes, offset);
      const end = start === undefined ? undefined : start + payloadLength(bytes, offset);
      if (start === undefined || end === undefined || end > bytes.length) break;
      const opcode = (bytes[offset] as number) & 0x0f;
      if (opcode === textFrame) this.#onMessage(bytes.subarray(start, end));
      else if (opcode === pingFrame) this.#onPing();
      offset = end;
    }
    this.#rest = offset < bytes.length ? bytes.subarray(offset) : undefined;
  }
}

const textFrame = 1;
const pingFrame = 9;

/** Masked with zeros, with nothing in it. */
export const pongFrame = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

function payloadStart(bytes: Buffer, offset: number): number | undefined {
  if (bytes.length < offset + 2) return undefined;
  const length = (bytes[offset + 1] as number) & 0x7f;
  const start = offset + (length === 127 ? 10 : length === 126 ? 4 : 2);
  return start <= bytes.length ? start : undefined;
}

function payloadLength(bytes: Buffer, offset: number): number {
  const length = (bytes[offset + 1] as number) & 0x7f;
  if (length === 127) return Number(bytes.readBigUInt64BE(offset + 2));
  return length === 126 ? bytes.readUInt16BE(offset + 2) : length;
}

/** A client's frame. Its mask is zero, which leaves the text as it is. */
export function clientFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const long = payload.length > 125;
  const header = Buffer.alloc(long ? 8 : 6);
  header[0] = 0x80 | textFrame;
  header[1] = 0x80 | (long ? 126 : payload.length);
  if (long) header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}
