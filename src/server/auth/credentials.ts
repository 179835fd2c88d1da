import type { IncomingMessage } from 'node:http';

/**
 * The viewer that a credential belongs to. `authorization` is the value of an `Authorization` header: `Bearer TOKEN`;
 * `address` the IP address that it came from. Throws UnauthenticatedError, and RateLimitedError for an address that has sent
 * too many wrong ones.
 */
export type Authenticate<Viewer> = (authorization: string, address: string) => Promise<Viewer>;

export function addressOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? 'unknown';
}

const cookieName = 'groundcrew_token';
/** Seconds: thirty days. */
const cookieMaxAge = 2_592_000;

/** The credential of a request: its header, else the cookie of a same-origin request. */
export function authorizationOf(request: IncomingMessage): string | undefined {
  return request.headers.authorization ?? cookieAuthorizationOf(request);
}

/**
 * Browsers attach the cookie to cross-site requests, and CORS does not apply to WebSockets. So the cookie counts only for
 * same-origin requests.
 */
function cookieAuthorizationOf(request: IncomingMessage): string | undefined {
  if (!isSameOrigin(request)) return undefined;
  for (const pair of request.headers.cookie?.split(';') ?? []) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === cookieName && value) return `Bearer ${decode(value)}`;
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
 * The `Set-Cookie` header that stores a token for the page that sent the request. `SameSite=Strict`: links and forms of other
 * sites do not send it. `Secure` where the page came over https, which only the browser knows behind a proxy.
 */
export function cookieOf(token: string, { headers }: IncomingMessage): string {
  const secure = headers.origin?.startsWith('https:') ? '; Secure' : '';
  return `${cookieName}=${encodeURIComponent(token)}; Path=/; Max-Age=${cookieMaxAge}; HttpOnly; SameSite=Strict${secure}`;
}

/** Browsers send Origin with every WebSocket and POST; a client without it is not a browser. */
export function isSameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
