import { randomFillSync } from 'node:crypto';

const maxCount = 0xfff;
/** Milliseconds by which the clock may be set back before ids follow it: until then they sort by their creation. */
const maxStepBackMs = 10_000;
/** Random bytes of one id. A call of the generator costs as much for four thousand bytes as for eight. */
const randomBytes = 8;

/**
 * UUIDs of version 7 for a clock that is not the machine's, which libraries take. Those of one sequence ascend, also within
 * a millisecond: a counter follows the time (RFC 9562, section 6.2, method 1).
 */
export class UuidSequence {
  #ms = 0;
  #count = 0;
  readonly #random = Buffer.alloc(512 * randomBytes);
  #usedRandom = this.#random.length;

  /** `ms`: milliseconds since 1970. */
  next(ms: number): Uint8Array {
    if (ms > this.#ms || ms < this.#ms - maxStepBackMs) {
      this.#ms = ms;
      this.#count = 0;
    } else if (this.#count < maxCount) {
      this.#count += 1;
    } else {
      this.#ms += 1;
      this.#count = 0;
    }
    const bytes = Buffer.allocUnsafe(16);
    this.#fillRandom(bytes);
    bytes.writeUIntBE(this.#ms, 0, 6);
    bytes.writeUInt16BE(0x7000 | this.#count, 6);
    bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
    return bytes;
  }

  #fillRandom(id: Buffer): void {
    if (this.#usedRandom === this.#random.length) {
      randomFillSync(this.#random);
      this.#usedRandom = 0;
    }
    this.#random.copy(id, id.length - randomBytes, this.#usedRandom, this.#usedRandom + randomBytes);
    this.#usedRandom += randomBytes;
  }
}
