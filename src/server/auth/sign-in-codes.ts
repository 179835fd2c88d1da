import { randomBytes } from 'node:crypto';

/** Codes for links that sign a browser in without showing the token. Each works once, and only in the process that made it. */
export class SignInCodes {
  readonly #tokens = new Map<string, string>();

  /** A code of 192 random bits: nobody can guess one, so it needs no limit of attempts. */
  create(token: string): string {
    const code = randomBytes(24).toString('base64url');
    this.#tokens.set(code, token);
    return code;
  }

  /** The token that the code stands for. Undefined when there is no such code, or it was redeemed before. */
  redeem(code: string): string | undefined {
    const token = this.#tokens.get(code);
    this.#tokens.delete(code);
    return token;
  }
}
