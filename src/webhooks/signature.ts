import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** A new secret as Standard Webhooks has it: `whsec_` and 32 random bytes in base64. */
export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

export interface Message {
  /** The same at each attempt: by it a receiver knows what it has had already. */
  readonly id: string;
  /** JSON. */
  readonly body: string;
}

/**
 * The headers of one attempt, by https://www.standardwebhooks.com. Each secret signs: while a secret is replaced, a receiver
 * verifies with either of the two.
 */
export function signedHeaders(
  { id, body }: Message,
  secrets: readonly string[],
  now: Date,
): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
  };
}
