import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** The beginning of every API token, by which secret scanners find one. */
const beginning = 'gc_';
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Digits of 32 bytes in base 62. */
const secretLength = 43;
/** Digits of a CRC-32 in base 62. */
const checksumLength = 6;

/** A new token: `gc_`, 32 random bytes and their CRC-32, both in base 62. Always 52 letters and digits. */
export function newTokenText(): string {
  const body = beginning + inBase62(BigInt(`0x${randomBytes(32).toString('hex')}`), secretLength);
  return body + checksumOf(body);
}

/**
 * Whether a text can be a token. `mistyped`: it begins as one does and its checksum is wrong, so a character was changed or
 * is missing. Needs no database: what is no token is refused without a look into it.
 */
export function classifyTokenText(text: string): 'token' | 'mistyped' | 'other' {
  if (!text.startsWith(beginning)) return 'other';
  const body = text.slice(0, -checksumLength);
  const complete = text.length === beginning.length + secretLength + checksumLength;
  return complete && text.slice(-checksumLength) === checksumOf(body) ? 'token' : 'mistyped';
}

/** What is stored of a token. Its 32 bytes are random, so that no slow hash is needed. */
export function hashToken(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The first characters of a token, by which people tell it: too few to guess the rest. */
export function prefixOf(text: string): string {
  return text.slice(0, beginning.length + 5);
}

function checksumOf(body: string): string {
  return inBase62(BigInt(crc32(body)), checksumLength);
}

function inBase62(value: bigint, length: number): string {
  let rest = value;
  let text = '';
  for (let place = 0; place < length; place += 1) {
    text = digits[Number(rest % 62n)] + text;
    rest /= 62n;
  }
  return text;
}
