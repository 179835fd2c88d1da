import type { IncomingMessage, ServerResponse } from 'node:http';
import { DomainError } from '../../tasks/domain/errors.ts';
import { replyText } from '../reply.ts';
import { type Authenticate, addressOf, cookieOf, isSameOrigin } from './credentials.ts';
import type { SignInCodes } from './sign-in-codes.ts';

/** Characters. */
const maxFormLength = 4_096;

/**
 * `POST /login` turns the `token` of a form, or the `code` of a sign-in link, into a cookie. The page's own script sends
 * both: a code is in the fragment of the link, which browsers keep to themselves.
 */
export async function replyLogin(
  request: IncomingMessage,
  response: ServerResponse,
  authenticate: Authenticate<unknown>,
  codes: SignInCodes,
): Promise<void> {
  // Otherwise a form on another site could sign a visitor in with a token of the attacker.
  if (!isSameOrigin(request)) return replyText(response, 403, 'The form must be sent from this page.\n');
  const form = await readForm(request);
  if (form === undefined)
    return replyText(response, 413, 'The form is too large.\n', { connection: 'close' });
  const token = form.get('token') ?? codes.redeem(form.get('code') ?? '');
  if (token === undefined) return replyText(response, 403, 'This link was used before, or is too old.\n');
  try {
    await authenticate(`Bearer ${token}`, addressOf(request));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return replyText(response, 403, 'This token is not valid.\n');
  }
  replyText(response, 303, '', { location: '/', 'set-cookie': cookieOf(token, request) });
}

/** Undefined when the form is too large. */
async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  let form = '';
  // By default, leaving the loop destroys the request, and with it the connection that the response needs.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    form += String(chunk);
    if (form.length > maxFormLength) return undefined;
  }
  return new URLSearchParams(form);
}
