import type { IncomingMessage, ServerResponse } from 'node:http';
import { replyText } from '../reply.ts';
import { type Authenticate, cookieOf, isSameOrigin } from './credentials.ts';

const maxForm = 4_096;

/**
 * `/login`: turns a token into a cookie, for people who explore. `GET /login?token=TOKEN` for a link printed in a
 * terminal, a form for the rest.
 */
export async function replyLogin(
  request: IncomingMessage,
  response: ServerResponse,
  authenticate: Authenticate<unknown>,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'POST') {
    return replyText(response, 405, 'Use GET or POST.\n', { allow: 'GET, POST' });
  }
  // Another site's form must not sign anybody in, as whomever it likes.
  if (request.method === 'POST' && !isSameOrigin(request)) return replyPage(response, 403, 'Not from here.');
  const token = request.method === 'GET' ? tokenInUrl(request) : await readToken(request);
  if (token === undefined) return replyText(response, 413, 'Too large.\n', { connection: 'close' });
  if (token === null) return replyPage(response, 200, '');
  const viewer = await authenticate(`Bearer ${token}`);
  if (viewer === null) return replyPage(response, 403, 'This token is not valid.');
  replyText(response, 303, '', {
    location: '/graphql',
    'set-cookie': cookieOf(token),
    // The token is in this address.
    'referrer-policy': 'no-referrer',
  });
}

function tokenInUrl(request: IncomingMessage): string | null {
  return new URLSearchParams(request.url?.split('?')[1]).get('token');
}

/** null: there is none; undefined: the form is too large to look. */
async function readToken(request: IncomingMessage): Promise<string | null | undefined> {
  let form = '';
  // Leaving the loop must not destroy the request, which the answer needs.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    form += String(chunk);
    if (form.length > maxForm) return undefined;
  }
  return new URLSearchParams(form).get('token');
}

function replyPage(response: ServerResponse, status: number, notice: string): void {
  replyText(response, status, page(notice), {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    // Not `no-referrer`, with which browsers say `Origin: null` when the form is sent.
    'referrer-policy': 'same-origin',
  });
}

const page = (notice: string) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Groundcrew: sign in</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1rem }
input, button { font: inherit; padding: .3rem .5rem }</style>
<h1>Groundcrew</h1>
${notice && `<p role="alert">${notice}</p>`}
<form method="post" action="/login">
<label>API token <input type="password" name="token" required autofocus autocomplete="current-password"></label>
<button>Sign in</button>
</form>
</html>
`;
