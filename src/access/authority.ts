import { timingSafeEqual } from 'node:crypto';
import type { Logger } from '../log.ts';
import { runEvery } from '../run-every.ts';
import type { Database } from '../tables/database.ts';
import { RateLimitedError, UnauthenticatedError } from '../tasks/domain/errors.ts';
import type { Credential, Viewer } from '../tasks/domain/viewer.ts';
import { findLivingCredentials, findTokenByHash, recordTokenUse } from '../tasks/store/api-tokens.ts';
import { confirmedForMs, endCredential } from '../tasks/store/credential-ends.ts';
import { findLogin } from '../tasks/store/logins.ts';
import type { WakeUpListener } from '../tasks/store/wake-up-listener.ts';
import { classifyTokenText, hashToken } from '../tasks/token-text.ts';
import { type FoundCredential, type KnownCredential, KnownCredentials } from './known-credentials.ts';
import { hashOfLogin, hashOfOwnersLogin, isLoginSecret } from './login-secret.ts';
import { WrongTokens } from './wrong-tokens.ts';

export interface AuthorityOptions {
  readonly db: Database;
  readonly listener: WakeUpListener;
  readonly logger: Logger;
  readonly ownersToken: string;
  readonly owner: Viewer;
}

/** Whom a request is made as, and for how long. */
export interface Admission {
  readonly viewer: Viewer;
  /**
   * Counts a socket, and calls back once the credential ends: at once when it already has. Returns the function that must be
   * called, once, when the socket is closed. Throws RateLimitedError when the token has too many sockets.
   */
  readonly onEnd: (callback: () => void) => () => void;
}

const messages = {
  token: { ended: 'The token was revoked or has expired.', unknown: 'A valid token is required.' },
  login: { ended: 'The login has ended. Sign in again.', unknown: 'The login has ended. Sign in again.' },
} as const;

/** Ended credentials that are remembered. */
const maxEnded = 1_000;

/**
 * Sockets of one token at one server, those of the logins that were made from it included. Each server counts for itself: what
 * the limit protects is its own memory.
 */
const maxSockets = 10_000;

function tooManySockets(): RateLimitedError {
  return new RateLimitedError(`The token has too many sockets: at most ${maxSockets} are allowed.`, 60_000);
}

/** Null: there is no such credential. */
type LookupResult = KnownCredential | 'ended' | null;

/** What a lookup reads. */
type Found = (FoundCredential & { readonly hasEnded: boolean }) | null;

interface CredentialQuery {
  readonly kind: keyof typeof messages;
  /** By which what is known is found: the hash. */
  readonly key: string;
  readonly find: () => Promise<Found>;
}

/** Milliseconds between two looks at whether the credentials in use still count: a lost notification costs no more than this. */
const recheckMs = 500;
/** Milliseconds between two looks at which credentials have expired. */
const expiryMs = 200;

/**
 * Says whose a credential is. A token or login that is in use costs no statement: it is kept, and counts for as long as one
 * look at all of them confirms it every half second, and notifications of revocations can arrive. One that ends or expires
 * ends what it has opened.
 */
export class Authority {
  readonly #options: AuthorityOptions;
  readonly #ownersHash: Buffer;
  readonly #known = new KnownCredentials();
  readonly #wrong = new WrongTokens();
  /** Hashes of tokens and logins that were ended, the latest ones: nothing brings them back, so they need no lookup. */
  readonly #ended = new Set<string>();
  /** Lookups that are under way, by hash: many requests of a new credential share one. */
  readonly #lookups = new Map<string, Promise<LookupResult>>();
  readonly #stopping = new AbortController();
  /** What no look has confirmed since then does not count. */
  #listeningSince = 0;
  /** How many sockets each token has, by its id. */
  readonly #sockets = new Map<string, number>();
  #expiryTimer: NodeJS.Timeout | undefined;
  #rechecking: Promise<void> | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: AuthorityOptions) {
    this.#options = options;
    this.#ownersHash = hashToken(options.ownersToken);
  }

  start(): void {
    const { listener, logger } = this.#options;
    const { signal } = this.#stopping;
    this.#unsubscribe = listener.subscribe({
      wakeUp: () => {},
      credentialEnded: (id) => this.#known.end(id),
      // What ended meanwhile was not heard.
      reconnected: () => {
        this.#listeningSince = performance.now();
      },
    });
    this.#expiryTimer = setInterval(() => this.#known.endExpired(this.#now()), expiryMs);
    this.#rechecking = runEvery(
      recheckMs,
      signal,
      () => this.#recheck(),
      (err) => logger.debug({ err }, 'could not check the credentials in use'),
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe?.();
    clearInterval(this.#expiryTimer);
    await this.#rechecking;
  }

  /**
   * Whose a credential is that was sent from an IP address. Throws UnauthenticatedError when it opens nothing, and
   * RateLimitedError for an address that has sent too many wrong ones. Rejects while the database cannot be asked about a
   * credential that is not in use.
   */
  async authenticate(credential: Credential, address: string): Promise<Admission> {
    if ('login' in credential) return this.#admit(await this.authenticateLogin(credential.login, address));
    const text = /^Bearer +(\S+)$/i.exec(credential.authorization)?.[1];
    if (text === undefined) throw new UnauthenticatedError('The credential must be `Bearer TOKEN`.');
    const hash = hashToken(text);
    const { owner } = this.#options;
    if (timingSafeEqual(hash, this.#ownersHash)) {
      return { viewer: owner, onEnd: () => this.#countSocket(owner) };
    }
    const kind = classifyTokenText(text);
    if (kind !== 'token') {
      await this.#wrong.count(address);
      throw new UnauthenticatedError(
        kind === 'mistyped'
          ? 'The token is mistyped or incomplete: its checksum does not match.'
          : messages.token.unknown,
      );
    }
    const key = hash.toString('base64');
    return this.#admit(
      await this.#resolve({ kind: 'token', key, find: () => this.#findToken(hash) }, address),
    );
  }

  /** The same for the secret of a login alone. */
  async authenticateLogin(secret: string, address: string): Promise<KnownCredential> {
    if (!isLoginSecret(secret)) {
      await this.#wrong.count(address);
      throw new UnauthenticatedError(messages.login.unknown);
    }
    const key = `login ${hashOfLogin(secret).toString('base64')}`;
    return this.#resolve({ kind: 'login', key, find: () => this.#findLogin(secret, key) }, address);
  }

  async #resolve(query: CredentialQuery, address: string): Promise<KnownCredential> {
    const { kind, key } = query;
    if (this.#ended.has(key)) throw new UnauthenticatedError(messages[kind].ended);
    let found: LookupResult = this.#known.get(key) ?? null;
    if (!found || !this.#isConfirmed(found)) {
      await this.#wrong.waitForTurn(address);
      found = await this.#lookUp(query);
    }
    if (found === null) {
      await this.#wrong.count(address);
      throw new UnauthenticatedError(messages[kind].unknown);
    }
    if (found === 'ended' || found.isOver(this.#now())) throw new UnauthenticatedError(messages[kind].ended);
    found.isUsed = true;
    return found;
  }

  #admit({ id, viewer }: KnownCredential): Admission {
    const onEnd = (callback: () => void) => {
      const known = this.#known.byId(id);
      if (!known) {
        setImmediate(callback);
        return () => {};
      }
      const forgetSocket = this.#countSocket(viewer);
      known.onEnd.add(callback);
      return () => {
        known.onEnd.delete(callback);
        forgetSocket();
      };
    };
    return { viewer, onEnd };
  }

  #countSocket({ token }: Viewer): () => void {
    const key = token?.id ?? '';
    const open = this.#sockets.get(key) ?? 0;
    if (open >= maxSockets) throw tooManySockets();
    this.#sockets.set(key, open + 1);
    return () => {
      const left = (this.#sockets.get(key) ?? 1) - 1;
      if (left > 0) this.#sockets.set(key, left);
      else this.#sockets.delete(key);
    };
  }

  /** Ends a token that was revoked, or a login. Resolves once no server accepts it. */
  async ended(id: string): Promise<void> {
    const { db, listener } = this.#options;
    this.#known.end(id);
    await endCredential(db, listener, id);
  }

  #now(): string {
    return this.#options.db.clock.now();
  }

  #isConfirmed({ confirmedAt }: KnownCredential): boolean {
    const { listener } = this.#options;
    const isRecent = performance.now() - confirmedAt < confirmedForMs && confirmedAt > this.#listeningSince;
    return listener.connected && isRecent;
  }

  #lookUp(query: CredentialQuery): Promise<LookupResult> {
    const { key } = query;
    const pending = this.#lookups.get(key);
    if (pending) return pending;
    const lookup = this.#find(query).finally(() => this.#lookups.delete(key));
    this.#lookups.set(key, lookup);
    return lookup;
  }

  async #find({ key, find }: CredentialQuery): Promise<LookupResult> {
    // Before the read: an end that commits during it may be missing in its result.
    const askedAt = performance.now();
    const ends = this.#known.ends;
    const found = await find();
    if (!found) return null;
    if (found.hasEnded) {
      this.#known.end(found.id);
      this.#ended.add(key);
      if (this.#ended.size > maxEnded) this.#ended.delete(this.#ended.values().next().value ?? '');
      return 'ended';
    }
    // Something ended meanwhile, and it may have been this one: it counts for this request and is looked up again.
    const confirmedAt = ends === this.#known.ends ? askedAt : Number.NEGATIVE_INFINITY;
    return this.#known.add(found, confirmedAt);
  }

  async #findToken(hash: Buffer): Promise<Found> {
    const found = await findTokenByHash(this.#options.db, hash);
    if (!found || !timingSafeEqual(found.hash, hash)) return null;
    const { token, workspace } = found;
    return {
      key: hash.toString('base64'),
      id: token.id,
      viewer: { workspace, scopes: token.scopes, token },
      expiresAt: token.expiresAt,
      hasEnded: token.revokedAt !== null,
    };
  }

  async #findLogin(secret: string, key: string): Promise<Found> {
    const { db, owner, ownersToken } = this.#options;
    const hashes = [hashOfLogin(secret), hashOfOwnersLogin(secret, ownersToken)];
    const found = await findLogin(db, hashes);
    if (!found || !hashes.some((hash) => timingSafeEqual(hash, found.hash))) return null;
    const { id, token, workspace, hasEnded } = found;
    const ends = [found.expiresAt, token?.expiresAt ?? found.expiresAt].sort();
    const viewer = token ? { workspace, scopes: token.scopes, token } : owner;
    return { key, id, viewer, expiresAt: ends[0] as string, hasEnded };
  }

  async #recheck(): Promise<void> {
    const { db } = this.#options;
    const askedAt = performance.now();
    const minute = this.#now().slice(0, 16);
    const credentials = this.#known.evictUnused(askedAt);
    if (credentials.length === 0) return;
    const living = await findLivingCredentials(
      db,
      credentials.map(({ id }) => id),
    );
    const used = new Set<string>();
    for (const each of credentials) {
      if (!living.has(each.id)) this.#known.end(each.id);
      // One that was ended and looked up again meanwhile is another object, which this look says nothing about.
      if (this.#known.byId(each.id) !== each) continue;
      each.confirmedAt = askedAt;
      if (each.takeUse(minute) && each.viewer.token) used.add(each.viewer.token.id);
    }
    if (used.size > 0) await recordTokenUse(db, [...used]);
  }
}
