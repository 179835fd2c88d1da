import type { IncomingMessage, ServerResponse } from 'node:http';
import { DomainError } from '../../tasks/domain/errors.ts';
import { replyText } from '../reply.ts';
import { type Authenticate, addressOf, cookieOf, isSameOrigin } from './credentials.ts';

/** Characters. */
const maxFormLength = 4_096;

/** `/login` turns a token into a cookie. `GET /login?token=TOKEN` serves links in a terminal; without a token, a form. */
export async function replyLogin(
  request: IncomingMessage,
  response: ServerResponse,
  authenticate: Authenticate<unknown>,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'POST') {
    return replyText(response, 405, 'Use GET or POST.\n', { allow: 'GET, POST' });
  }
  // Otherwise a form on another site could sign a visitor in with a token of the attacker.
  if (request.method === 'POST' && !isSameOrigin(request))
    return replyPage(response, 403, 'The form must be sent from this page.');
  const token = request.method === 'GET' ? tokenInUrl(request) : await readToken(request);
  if (token === undefined)
    return replyText(response, 413, 'The form is too large.\n', { connection: 'close' });
  if (token === null) return replyPage(response, 200, '');
  try {
    await authenticate(`Bearer ${token}`, addressOf(request));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return replyPage(response, 403, 'This token is not valid.');
  }
  replyText(response, 303, '', {
    location: '/graphql',
    'set-cookie': cookieOf(token),
    // The address of this page holds the token.
    'referrer-policy': 'no-referrer',
  });
}

function tokenInUrl(request: IncomingMessage): string | null {
  return new URLSearchParams(request.url?.split('?')[1]).get('token');
}

/** Null when the form has no token; undefined when the form is too large. */
async function readToken(request: IncomingMessage): Promise<string | null | undefined> {
  let form = '';
  // By default, leaving the loop destroys the request, and with it the connection that the response needs.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    form += String(chunk);
    if (form.length > maxFormLength) return undefined;
  }
  return new URLSearchParams(form).get('token');
}

function replyPage(response: ServerResponse, status: number, notice: string): void {
  replyText(response, status, page(notice), {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    // Not `no-referrer`: with it browsers send `Origin: null` with the form, and the form is refused.
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
