import type { IncomingMessage } from 'node:http';

/** Whom a credential speaks for; null: nobody. Gets what an `Authorization` header holds: `Bearer TOKEN`. */
export type Authenticate<Viewer> = (authorization: string) => Promise<Viewer | null>;

const cookieName = 'groundcrew_token';
/** Thirty days. */
const cookieAge = 2_592_000;

/** The credential of a request: its header or, from a page of this very server, its cookie. */
export function authorizationOf(request: IncomingMessage): string | undefined {
  return request.headers.authorization ?? cookieAuthorizationOf(request);
}

/**
 * Browsers send the cookie whoever's page asks, and for WebSockets no CORS rule stands in between: what another site's
 * page asks for is asked for by nobody.
 */
export function cookieAuthorizationOf(request: IncomingMessage): string | undefined {
  if (!isSameOrigin(request)) return undefined;
  for (const pair of request.headers.cookie?.split(';') ?? []) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === cookieName && value) return `Bearer ${decode(value)}`;
  }
  return undefined;
}

/** The `Set-Cookie` header that keeps a token. Strict: no other site's link or form carries it. */
export function cookieOf(token: string): string {
  return `${cookieName}=${encodeURIComponent(token)}; Path=/; Max-Age=${cookieAge}; HttpOnly; SameSite=Strict`;
}

/** Browsers name the origin of every WebSocket and POST; whoever names none is no browser, and led by no page. */
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
