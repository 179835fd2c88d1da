import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from '../../metrics/metrics.ts';
import { isLoopback } from './request-source.ts';

/**
 * Whether a request may read the metrics without a credential: on a server whose HOST is a loopback address, unless a proxy
 * passes it on for somebody else.
 */
export function isLocalRequest({ headers }: IncomingMessage, host: string): boolean {
  const forwarded = headers.forwarded ?? headers['x-forwarded-for'] ?? headers.via;
  const name = URL.parse(`http://${headers.host}`)?.hostname ?? '';
  return isLoopback(host) && isLoopback(name) && forwarded === undefined;
}

/** Whether a request for the health asks for the whole report. */
export function isVerbose({ url = '' }: IncomingMessage): boolean {
  return /[?&]verbose(=|&|$)/.test(url);
}

export async function replyMetrics(response: ServerResponse, metrics: Metrics): Promise<void> {
  const body = Buffer.from(await metrics.text());
  response.writeHead(200, {
    'content-type': metrics.contentType,
    'content-length': body.byteLength,
    'cache-control': 'no-store',
  });
  response.end(body);
}
