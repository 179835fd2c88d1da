import type { Database } from '../tables/database.ts';
import { UnauthenticatedError } from '../tasks/domain/errors.ts';
import { actorOf, type Viewer } from '../tasks/domain/viewer.ts';
import { endLogin, insertLogin } from '../tasks/store/logins.ts';
import type { Authority } from './authority.ts';
import { hashOfLogin, hashOfOwnersLogin, newLoginSecret } from './login-secret.ts';

/** Milliseconds: thirty days. */
const lifetimeMs = 2_592_000_000;

export interface LoginsOptions {
  readonly db: Database;
  readonly authority: Authority;
  readonly ownersToken: string;
  /** Counts a login that is about to be made. What it throws is thrown. */
  readonly charge: (viewer: Viewer) => Promise<void>;
}

/** A login that was just made. */
export interface StartedLogin {
  /** For the cookie; it is stored nowhere. */
  readonly secret: string;
  readonly lastsMs: number;
}

/** Starts and ends the logins of browsers. A login opens what the token opens that it was made from. */
export class Logins {
  readonly #options: LoginsOptions;

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /**
   * Throws UnauthenticatedError when the token opens nothing, and RateLimitedError as `Authority.authenticate` does, or when
   * the token has too few points.
   */
  async start(token: string, address: string): Promise<StartedLogin> {
    const { db, authority, ownersToken, charge } = this.#options;
    const { viewer } = await authority.authenticate({ authorization: `Bearer ${token}` }, address);
    await charge(viewer);
    const secret = newLoginSecret();
    const hash = viewer.token === null ? hashOfOwnersLogin(secret, ownersToken) : hashOfLogin(secret);
    const login = { workspaceId: viewer.workspace.id, tokenId: viewer.token?.id ?? null, hash, lifetimeMs };
    const lastsMs = await insertLogin(db, login, actorOf(viewer));
    if (lastsMs === null) throw new UnauthenticatedError('The token was deleted.');
    return { secret, lastsMs };
  }

  /** From its answer on the login opens nothing. Throws UnauthenticatedError when it opens nothing already. */
  async end(secret: string, address: string): Promise<void> {
    const { db, authority } = this.#options;
    const { id, viewer } = await authority.authenticateLogin(secret, address);
    await endLogin(db, id, actorOf(viewer));
    await authority.ended(id);
  }
}
