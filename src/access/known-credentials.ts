import type { Timestamp } from '../tasks/domain/task.ts';
import type { Viewer } from '../tasks/domain/viewer.ts';

/** A credential as the database has it. */
export interface FoundCredential {
  readonly key: string;
  readonly id: string;
  readonly viewer: Viewer;
  readonly expiresAt: Timestamp | null;
}

/** A token or a login that was used lately, or has sockets. */
export class KnownCredential {
  readonly viewer: Viewer;
  /** By which it is found. */
  readonly key: string;
  /** Of the token or of the login. */
  readonly id: string;
  readonly expiresAt: Timestamp | null;
  readonly onEnd = new Set<() => void>();
  /** When the latest look began that found it living, by the clock of the process. */
  confirmedAt: number;
  isUsed = false;
  #usedAt = 0;
  /** The last minute whose use is recorded. */
  #recorded = '';

  constructor({ key, id, viewer, expiresAt }: FoundCredential, confirmedAt: number) {
    this.key = key;
    this.viewer = viewer;
    this.id = id;
    this.expiresAt = expiresAt;
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

/** For so long a credential is kept without being in use. */
const idleMs = 60_000;
/** Beyond this, the credentials that were looked up first are forgotten, unless they have sockets. */
const maxCredentials = 10_000;

/** The tokens and logins that one server keeps, by hash and by id. */
export class KnownCredentials {
  readonly #byKey = new Map<string, KnownCredential>();
  readonly #byId = new Map<string, KnownCredential>();
  /** How often something was ended: shows a lookup that a revocation came in between. */
  ends = 0;

  get(key: string): KnownCredential | undefined {
    return this.#byKey.get(key);
  }

  byId(id: string): KnownCredential | undefined {
    return this.#byId.get(id);
  }

  /** One that is known already stays, with what waits for its end. */
  add(found: FoundCredential, confirmedAt: number): KnownCredential {
    const known = this.#byKey.get(found.key);
    if (known) {
      known.confirmedAt = Math.max(known.confirmedAt, confirmedAt);
      return known;
    }
    const credential = new KnownCredential(found, confirmedAt);
    this.#byKey.set(credential.key, credential);
    this.#byId.set(credential.id, credential);
    if (this.#byKey.size > maxCredentials) {
      const oldest = this.#byKey.values().find(({ onEnd }) => onEnd.size === 0);
      if (oldest) this.#forget(oldest);
    }
    return credential;
  }

  /** Forgets a login, or a token with the logins that were made from it, and calls those back that wait for their end. */
  end(id: string): void {
    this.ends += 1;
    for (const credential of this.#byId.values()) {
      if (credential.id === id || credential.viewer.token?.id === id) this.#end(credential);
    }
  }

  endExpired(now: Timestamp): void {
    for (const each of this.#byId.values()) if (each.isOver(now)) this.#end(each);
  }

  /** Forgets what has not been in use for a minute, and returns the others. */
  evictUnused(at: number): KnownCredential[] {
    for (const each of this.#byKey.values()) if (each.isIdle(at, idleMs)) this.#forget(each);
    return [...this.#byId.values()];
  }

  #end(credential: KnownCredential): void {
    this.#forget(credential);
    for (const callback of credential.onEnd) callback();
    credential.onEnd.clear();
  }

  #forget(credential: KnownCredential): void {
    this.#byKey.delete(credential.key);
    this.#byId.delete(credential.id);
  }
}
