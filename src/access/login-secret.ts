import { createHash, createHmac, randomBytes } from 'node:crypto';

/** 32 random bytes, for the cookie of a browser. */
export function newLoginSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function isLoginSecret(text: string): boolean {
  return /^[\w-]{43}$/.test(text);
}

/** What is stored of a login's secret. It is random, so that no slow hash is needed. */
export function hashOfLogin(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/**
 * The same for a login of the owner. It is keyed with the owner's token, so that a login made from an earlier token is not
 * found. Nobody can try tokens on it without the secret, which only the browser has.
 */
export function hashOfOwnersLogin(secret: string, ownersToken: string): Buffer {
  return createHmac('sha256', ownersToken).update(secret).digest();
}
