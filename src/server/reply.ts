import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { GraphQLError } from 'graphql';
import { formatError } from './graphql/errors.ts';

export function replyText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: OutgoingHttpHeaders = {},
): void {
  const body = Buffer.from(text);
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.byteLength,
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
}

/** Refuses a request before GraphQL reads it; the body has the form of a GraphQL response. */
export function replyError(
  response: ServerResponse,
  status: number,
  error: GraphQLError,
  headers: OutgoingHttpHeaders = {},
): void {
  replyText(response, status, JSON.stringify({ errors: [formatError(error)] }), {
    'content-type': 'application/json; charset=utf-8',
    // The rest of the request body is not read.
    ...(response.req.complete ? {} : { connection: 'close' }),
    ...headers,
  });
}

export function accepts(request: IncomingMessage, mediaType: string): boolean {
  return request.headers.accept?.includes(mediaType) ?? false;
}
