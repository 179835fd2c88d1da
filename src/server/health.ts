import type { ServerResponse } from 'node:http';
import type { Logger } from '../log.ts';
import { replyText } from './reply.ts';

export interface ReadinessOptions {
  /** Null when the server can serve; otherwise the reason. */
  readonly readiness: () => Promise<string | null>;
  /** Milliseconds. */
  readonly timeout: number;
  readonly logger: Logger;
}

/** `GET /readyz`. Answers within the timeout, even when the readiness check hangs. */
export async function replyReadiness(response: ServerResponse, options: ReadinessOptions): Promise<void> {
  const { promise: timedOut, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, options.timeout, 'The readiness check takes too long.');
  const reason = await Promise.race([options.readiness(), timedOut]).catch((err: unknown) => {
    options.logger.warn({ err }, 'readiness check failed');
    return 'The readiness check failed.';
  });
  clearTimeout(timer);
  if (reason === null) replyText(response, 200, 'ready\n');
  else replyText(response, 503, `${reason}\n`);
}
