import type { Timestamp } from '../tasks/domain/task.ts';
import type { Viewer } from '../tasks/domain/viewer.ts';

/** A token that was used lately, or has sockets. */
export class KnownToken {
  readonly viewer: Viewer;
  /** By which it is found. */
  readonly key: string;
  readonly id: string;
  readonly expiresAt: Timestamp | null;
  readonly onEnd = new Set<() => void>();
  /** When the latest look began that found it living, by the clock of the process. */
  confirmedAt: number;
  isUsed = false;
  #usedAt = 0;
  /** The last minute whose use is recorded. */
  #recorded = '';

  constructor(key: string, viewer: Viewer, confirmedAt: number) {
    this.key = key;
    this.viewer = viewer;
    this.id = viewer.token?.id ?? '';
    this.expiresAt = viewer.token?.expiresAt ?? null;
    this.confirmedAt = confirmedAt;
    this.#usedAt = performance.now();
  }

  isOver(now: Timestamp): boolean {
    return this.expiresAt !== null && this.expiresAt <= now;
  }

  /** Whether it was used in this minute, and that is not recorded. */
  takeUse(minute: string): boolean {
    if (!this.isUsed) return false;
    this.isUsed = false;
    this.#usedAt = performance.now();
    if (this.#recorded === minute) return false;
    this.#recorded = minute;
    return true;
  }

  isIdle(at: number, idleMs: number): boolean {
    return !this.isUsed && this.onEnd.size === 0 && at - this.#usedAt > idleMs;
  }
}

/** Tokens that are kept without being in use. */
const idleMs = 60_000;
/** Beyond this, the tokens that were looked up first are forgotten, unless they have sockets. */
const maxTokens = 10_000;

/** The tokens that one server keeps, by hash and by id. */
export class KnownTokens {
  readonly #byKey = new Map<string, KnownToken>();
  readonly #byId = new Map<string, KnownToken>();
  /** How often something was ended: shows a lookup that a revocation came in between. */
  ends = 0;

  get(key: string): KnownToken | undefined {
    return this.#byKey.get(key);
  }

  byId(id: string): KnownToken | undefined {
    return this.#byId.get(id);
  }

  /** One that is known already stays, with what waits for its end. */
  add(key: string, viewer: Viewer, confirmedAt: number): KnownToken {
    const known = this.#byKey.get(key);
    if (known) {
      known.confirmedAt = Math.max(known.confirmedAt, confirmedAt);
      return known;
    }
    const token = new KnownToken(key, viewer, confirmedAt);
    this.#byKey.set(key, token);
    this.#byId.set(token.id, token);
    if (this.#byKey.size > maxTokens) {
      const oldest = this.#byKey.values().find(({ onEnd }) => onEnd.size === 0);
      if (oldest) this.#forget(oldest);
    }
    return token;
  }

  /** Forgets the token, and calls those back that wait for its end. */
  end(id: string): void {
    this.ends += 1;
    const token = this.#byId.get(id);
    if (!token) return;
    this.#forget(token);
    for (const callback of token.onEnd) callback();
    token.onEnd.clear();
  }

  endExpired(now: Timestamp): void {
    for (const token of this.#byId.values()) if (token.isOver(now)) this.end(token.id);
  }

  /** Forgets what has not been in use for a minute, and returns the others. */
  evictUnused(at: number): KnownToken[] {
    for (const token of this.#byKey.values()) if (token.isIdle(at, idleMs)) this.#forget(token);
    return [...this.#byId.values()];
  }

  #forget(token: KnownToken): void {
    this.#byKey.delete(token.key);
    this.#byId.delete(token.id);
  }
}
