import type { ServerResponse } from 'node:http';
import type { Logger } from '../log.ts';
import { replyText } from './reply.ts';

export interface ReadinessOptions {
  /** null when it can serve, else the reason. */
  readonly readiness: () => Promise<string | null>;
  readonly timeout: number;
  readonly logger: Logger;
}

/** `GET /readyz`. Answers in time even when what it asks does not. */
export async function replyReadiness(response: ServerResponse, options: ReadinessOptions): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, options.timeout, 'The readiness check takes too long.');
  const reason = await Promise.race([options.readiness(), late]).catch((err: unknown) => {
    options.logger.warn({ err }, 'readiness check failed');
    return 'The readiness check failed.';
  });
  clearTimeout(timer);
  if (reason === null) replyText(response, 200, 'ready\n');
  else replyText(response, 503, `${reason}\n`);
}
