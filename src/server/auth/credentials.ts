import type { IncomingMessage } from 'node:http';
import type { Credential } from '../../tasks/domain/viewer.ts';

/** Whom a request is made as, and for how long. */
export interface Admission<Viewer> {
  readonly viewer: Viewer;
  /** Calls back once when the credential ends: its sockets are closed then. Returns the function that takes it back. */
  readonly onEnd: (callback: () => void) => () => void;
}

/**
 * Whose a credential is that came from an IP address. Throws UnauthenticatedError, and RateLimitedError for an address that
 * has sent too many wrong ones.
 */
export type Authenticate<Viewer> = (credential: Credential, address: string) => Promise<Admission<Viewer>>;

export function addressOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? 'unknown';
}

const cookieName = 'groundcrew_login';

/** The credential of a request: its header, else the cookie of a same-origin request. */
export function credentialOf(request: IncomingMessage): Credential | undefined {
  return authorizationOf(request) ?? loginOf(request);
}

export function authorizationOf({ headers: { authorization } }: IncomingMessage): Credential | undefined {
  return authorization === undefined ? undefined : { authorization };
}

/**
 * The login that the cookie names. Browsers attach the cookie to cross-site requests, and CORS does not apply to WebSockets.
 * So it counts only for same-origin requests.
 */
export function loginOf(request: IncomingMessage): { readonly login: string } | undefined {
  if (!isSameOrigin(request)) return undefined;
  for (const pair of request.headers.cookie?.split(';') ?? []) {
    const [name, login] = pair.trim().split('=', 2);
    if (name === cookieName && login) return { login };
  }
  return undefined;
}

/**
 * The credential in the payload of `connection_init`: `authorization`, else the same within `headers`, each in any case.
 * Undefined when the payload has none. Anything else than a string is an invalid credential.
 */
export function authorizationInPayload(payload: unknown): unknown {
  return propertyOf(payload, 'authorization') ?? propertyOf(propertyOf(payload, 'headers'), 'authorization');
}

function propertyOf(object: unknown, lowerCaseName: string): unknown {
  if (typeof object !== 'object' || object === null) return undefined;
  const entries = Object.entries(object);
  return entries.find(([name, value]) => name.toLowerCase() === lowerCaseName && value != null)?.[1];
}

/**
 * The `Set-Cookie` header that stores a login for the page that sent the request. `SameSite=Strict`: links and forms of other
 * sites do not send it. `Secure` where the page came over https, which only the browser knows behind a proxy.
 */
export function cookieOf(secret: string, maxAgeMs: number, { headers }: IncomingMessage): string {
  const secure = headers.origin?.startsWith('https:') ? '; Secure' : '';
  const maxAge = Math.floor(maxAgeMs / 1_000);
  return `${cookieName}=${secret}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure}`;
}

/** The `Set-Cookie` header that makes the browser forget its login. */
export function endedCookie(request: IncomingMessage): string {
  return cookieOf('', 0, request);
}

/** Browsers send Origin with every WebSocket and POST; a client without it is not a browser. */
export function isSameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  return /^https?:$/.test(url.protocol) && url.host === host?.toLowerCase();
}
