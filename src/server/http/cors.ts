import type { IncomingMessage, ServerResponse } from 'node:http';

/** Seconds that a browser may cache the answer to a preflight. Chromium allows no more. */
const maxAge = '7200';

/**
 * Sets the CORS headers of /graphql for pages of the allowed origins, and answers their preflights. True when the
 * request was a preflight and is answered.
 *
 * Never allows credentials: such pages authenticate with a token, and the cookie counts for same-origin requests only.
 */
export function handleCors(
  allowedOrigins: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  if (allowedOrigins.length === 0) return false;
  // On every response, or a cache could give the response for one origin to another one.
  response.setHeader('vary', 'Origin');
  const { origin } = request.headers;
  if (origin === undefined || !allowedOrigins.includes(origin)) return false;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', 'retry-after');
  const isPreflight = request.method === 'OPTIONS' && 'access-control-request-method' in request.headers;
  if (isPreflight) {
    response.writeHead(204, {
      'access-control-allow-methods': 'GET, POST',
      // Clients add headers of their own, such as their name; `*` does not stand for Authorization.
      'access-control-allow-headers': 'authorization, content-type, *',
      'access-control-max-age': maxAge,
    });
    response.end();
  }
  return isPreflight;
}
