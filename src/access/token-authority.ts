import { timingSafeEqual } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import { runEvery } from '../run-every.ts';
import type { Database } from '../tables/database.ts';
import { RateLimitedError, UnauthenticatedError } from '../tasks/domain/errors.ts';
import type { Viewer } from '../tasks/domain/viewer.ts';
import { findLivingTokens, findTokenByHash, recordTokenUse } from '../tasks/store/api-tokens.ts';
import type { WakeUpListener } from '../tasks/store/wake-up-listener.ts';
import { hashToken, judgeTokenText } from '../tasks/token-text.ts';
import { type KnownToken, KnownTokens } from './known-tokens.ts';
import { WrongTokens } from './wrong-tokens.ts';

export interface TokenAuthorityOptions {
  readonly db: Database;
  readonly listener: WakeUpListener;
  readonly logger: Logger;
  readonly ownersToken: string;
  readonly owner: Viewer;
}

const endedMessage = 'The token was revoked or has expired.';
/** Revoked tokens that are remembered. */
const maxRevoked = 1_000;

/** Sockets of one token at one server. */
const maxSockets = 10_000;

function tooManySockets(): RateLimitedError {
  return new RateLimitedError(`The token has too many sockets: at most ${maxSockets} are allowed.`, 60_000);
}

/** Null: there is no such token. */
type Lookup = KnownToken | 'ended' | null;

/** Milliseconds between two looks at whether the tokens in use still live: how late a lost notification is made up for. */
const recheckMs = 500;
/** Milliseconds for which a token counts that no later look has confirmed. */
const confirmedForMs = 2_000;
/** Milliseconds between two looks at which tokens have expired. */
const expiryMs = 200;
/** Milliseconds in which a notification reaches the other servers: `ended` waits so long. */
const notificationMs = 100;

/**
 * Says whose a credential is. A token that is in use costs no statement: it is kept, and counts for as long as one look at
 * all of them confirms it every half second, and notifications of revocations can arrive. One that is revoked or expires
 * ends what it has opened.
 */
export class TokenAuthority {
  readonly #options: TokenAuthorityOptions;
  readonly #ownersHash: Buffer;
  readonly #known = new KnownTokens();
  readonly #wrong = new WrongTokens();
  /** Hashes of tokens that were revoked, the latest ones: nothing brings such a token back, so it needs no lookup. */
  readonly #revoked = new Set<string>();
  /** Lookups that are under way, by hash: many requests of a new token share one. */
  readonly #lookups = new Map<string, Promise<Lookup>>();
  readonly #stopping = new AbortController();
  #ownersSockets = 0;
  #expiryTimer: NodeJS.Timeout | undefined;
  #rechecking: Promise<void> | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: TokenAuthorityOptions) {
    this.#options = options;
    this.#ownersHash = hashToken(options.ownersToken);
  }

  start(): void {
    const { listener, logger } = this.#options;
    const { signal } = this.#stopping;
    this.#unsubscribe = listener.subscribe({ wakeUp: () => {}, tokenRevoked: (id) => this.#known.end(id) });
    this.#expiryTimer = setInterval(() => this.#known.endExpired(this.#now()), expiryMs);
    this.#rechecking = runEvery(
      recheckMs,
      signal,
      () => this.#recheck(),
      (err) => logger.debug({ err }, 'could not check the tokens in use'),
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe?.();
    clearInterval(this.#expiryTimer);
    await this.#rechecking;
  }

  /**
   * The viewer of `Bearer TOKEN`, sent from an IP address. Throws UnauthenticatedError when the token opens nothing, and
   * RateLimitedError for an address that has sent too many wrong ones. Rejects while the database cannot be asked about a
   * token that is not in use.
   */
  async authenticate(authorization: string, address: string): Promise<Viewer> {
    const text = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    if (text === undefined) throw new UnauthenticatedError('The credential must be `Bearer TOKEN`.');
    const hash = hashToken(text);
    if (timingSafeEqual(hash, this.#ownersHash)) return this.#options.owner;
    const kind = judgeTokenText(text);
    if (kind !== 'token') {
      await this.#wrong.count(address);
      throw new UnauthenticatedError(
        kind === 'mistyped'
          ? 'The token is mistyped or incomplete: its checksum does not match.'
          : 'A valid token is required.',
      );
    }
    const key = hash.toString('base64');
    if (this.#revoked.has(key)) throw new UnauthenticatedError(endedMessage);
    const known = this.#known.get(key);
    const token = known && this.#isConfirmed(known) ? known : await this.#ask(key, hash, address);
    if (token === 'ended' || token.isOver(this.#now())) {
      throw new UnauthenticatedError(endedMessage);
    }
    token.isUsed = true;
    return token.viewer;
  }

  async #ask(key: string, hash: Buffer, address: string): Promise<KnownToken | 'ended'> {
    await this.#wrong.turn(address);
    const found = await this.#lookUp(key, hash);
    if (found !== null) return found;
    await this.#wrong.count(address);
    throw new UnauthenticatedError('A valid token is required.');
  }

  /**
   * Counts a socket of the viewer's token, and calls back once the token is revoked or has expired: at once when it already
   * is. Returns the function that must be called when the socket is closed. The owner's token never ends. Throws
   * RateLimitedError when the token has too many sockets.
   */
  onEnd({ token }: Viewer, callback: () => void): () => void {
    if (token === null) {
      if (this.#ownersSockets >= maxSockets) throw tooManySockets();
      this.#ownersSockets += 1;
      return () => {
        this.#ownersSockets -= 1;
      };
    }
    const known = this.#known.byId(token.id);
    if (!known) {
      setImmediate(callback);
      return () => {};
    }
    if (known.onEnd.size >= maxSockets) throw tooManySockets();
    known.onEnd.add(callback);
    return () => known.onEnd.delete(callback);
  }

  /** Ends a token that was revoked. Resolves once the other servers should have heard of it. */
  async ended(tokenId: string): Promise<void> {
    this.#known.end(tokenId);
    await delay(notificationMs);
  }

  #now(): string {
    return this.#options.db.clock.now();
  }

  #isConfirmed({ confirmedAt }: KnownToken): boolean {
    return this.#options.listener.connected && performance.now() - confirmedAt < confirmedForMs;
  }

  #lookUp(key: string, hash: Buffer): Promise<Lookup> {
    const pending = this.#lookups.get(key);
    if (pending) return pending;
    const lookup = this.#find(key, hash).finally(() => this.#lookups.delete(key));
    this.#lookups.set(key, lookup);
    return lookup;
  }

  async #find(key: string, hash: Buffer): Promise<Lookup> {
    // Before the read: a revocation that commits during it may be missing in its result.
    const askedAt = performance.now();
    const ends = this.#known.ends;
    const found = await findTokenByHash(this.#options.db, hash);
    if (!found || !timingSafeEqual(found.hash, hash)) return null;
    const { token, workspace } = found;
    if (token.revokedAt !== null) {
      this.#known.end(token.id);
      this.#revoked.add(key);
      if (this.#revoked.size > maxRevoked) this.#revoked.delete(this.#revoked.values().next().value ?? '');
      return 'ended';
    }
    // Something was revoked meanwhile, and it may have been this token: it counts for this request and is looked up again.
    const confirmedAt = ends === this.#known.ends ? askedAt : Number.NEGATIVE_INFINITY;
    return this.#known.add(key, { workspace, scopes: token.scopes, token }, confirmedAt);
  }

  async #recheck(): Promise<void> {
    const { db } = this.#options;
    const askedAt = performance.now();
    const minute = this.#now().slice(0, 16);
    const tokens = this.#known.evictUnused(askedAt);
    if (tokens.length === 0) return;
    const living = await findLivingTokens(
      db,
      tokens.map(({ id }) => id),
    );
    const used: string[] = [];
    for (const token of tokens) {
      if (!living.has(token.id)) this.#known.end(token.id);
      // One that was ended and looked up again meanwhile is another object, which this look says nothing about.
      if (this.#known.byId(token.id) !== token) continue;
      token.confirmedAt = askedAt;
      if (token.takeUse(minute)) used.push(token.id);
    }
    if (used.length > 0) await recordTokenUse(db, used);
  }
}
