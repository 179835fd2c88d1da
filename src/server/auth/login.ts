import type { IncomingMessage, ServerResponse } from 'node:http';
import { DomainError, RateLimitedError, UnauthenticatedError } from '../../tasks/domain/errors.ts';
import { httpOf } from '../graphql/errors.ts';
import { replyText } from '../reply.ts';
import { addressOf, cookieOf, endedCookie, isSameOrigin, loginOf } from './credentials.ts';
import type { SignInCodes } from './sign-in-codes.ts';

/** Starts and ends the logins of browsers. */
export interface Logins {
  /**
   * A login that opens what the token opens, with the secret for its cookie. Throws UnauthenticatedError when the token opens
   * nothing, and RateLimitedError for an address that has sent too many wrong ones.
   */
  start(token: string, address: string): Promise<{ readonly secret: string; readonly lastsMs: number }>;
  /** Throws like `start`, also for a login that has ended already. */
  end(secret: string, address: string): Promise<void>;
}

/** Characters. */
const maxFormLength = 4_096;

/**
 * `POST /login` turns the `token` of a form, or the `code` of a sign-in link, into a login. The page's own script sends
 * both: a code is in the fragment of the link, which browsers keep to themselves.
 */
export async function replyLogin(
  request: IncomingMessage,
  response: ServerResponse,
  logins: Logins,
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
    const { secret, lastsMs } = await logins.start(token, addressOf(request));
    replyText(response, 303, '', { location: '/', 'set-cookie': cookieOf(secret, lastsMs, request) });
  } catch (error) {
    replyRefusal(response, error, 'This token is not valid.\n');
  }
}

/** `POST /logout` ends the login of the cookie, at every server, and the browser forgets it. */
export async function replyLogout(
  request: IncomingMessage,
  response: ServerResponse,
  logins: Logins,
): Promise<void> {
  if (!isSameOrigin(request)) return replyText(response, 403, 'The form must be sent from this page.\n');
  const login = loginOf(request)?.login;
  try {
    if (login !== undefined) await logins.end(login, addressOf(request));
  } catch (error) {
    // One that had ended before is what was asked for.
    if (!(error instanceof UnauthenticatedError)) return replyRefusal(response, error);
  }
  replyText(response, 303, '', { location: '/login', 'set-cookie': endedCookie(request) });
}

function replyRefusal(response: ServerResponse, error: unknown, message?: string): void {
  if (!(error instanceof DomainError)) throw error;
  const { status, headers } =
    error instanceof RateLimitedError ? httpOf(error) : { status: 403, headers: {} };
  replyText(response, status, status === 403 && message ? message : `${error.message}\n`, headers);
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
