import { setTimeout as delay } from 'node:timers/promises';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { RateLimitedError } from '../tasks/domain/errors.ts';

/** Wrong tokens that an address may send in a minute before it is slowed down. */
const freeAttempts = 100;
const windowSeconds = 60;
/** Milliseconds between two lookups for an address that is slowed down. */
const pauseMs = 100;
/** Lookups that may wait for their turn, for one address. */
const maxWaiting = 20;

/**
 * Slows those down who try tokens. An address that sent many wrong ones is answered RATE_LIMITED, and what may be a token is
 * looked up ten times a second at most; right tokens go on working from there, since others may share the address.
 */
export class WrongTokens {
  readonly #wrong = new RateLimiterMemory({ points: freeAttempts, duration: windowSeconds });
  readonly #turns = new Map<string, { waiting: number; last: Promise<void> }>();

  /** Resolves when a token of this address may be looked up. Throws RateLimitedError when too many wait already. */
  async waitForTurn(address: string): Promise<void> {
    const from = networkOf(address);
    const wrong = await this.#wrong.get(from);
    if (!wrong || wrong.consumedPoints <= freeAttempts) return;
    const turns = this.#turns.get(from) ?? { waiting: 0, last: Promise.resolve() };
    if (turns.waiting >= maxWaiting) throw tooMany(wrong.msBeforeNext);
    this.#turns.set(from, turns);
    turns.waiting += 1;
    turns.last = turns.last.then(() => delay(pauseMs));
    await turns.last;
    turns.waiting -= 1;
    if (turns.waiting === 0) this.#turns.delete(from);
  }

  /** Counts a wrong token. Throws RateLimitedError for an address that is slowed down. */
  async count(address: string): Promise<void> {
    try {
      await this.#wrong.consume(networkOf(address));
    } catch (refusal) {
      throw tooMany((refusal as RateLimiterRes).msBeforeNext);
    }
  }
}

function tooMany(retryAfterMs: number): RateLimitedError {
  return new RateLimitedError(
    `Too many wrong tokens from this address: at most ${freeAttempts} a minute are allowed.`,
    retryAfterMs,
  );
}

/** A customer of IPv6 has 2^64 addresses at least, so that its network counts: the first four groups. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [before = '', after] = (address.split('%', 1)[0] as string).split('::');
  const left = before === '' ? [] : before.split(':');
  const right = after === undefined || after === '' ? [] : after.split(':');
  const zeros =
    after === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return [...left, ...zeros, ...right].slice(0, 4).join(':');
}
