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

/** A request that is refused before it is a GraphQL operation, in the form of an answer to one. */
export function replyError(
  response: ServerResponse,
  status: number,
  error: GraphQLError,
  headers: OutgoingHttpHeaders = {},
): void {
  replyText(response, status, JSON.stringify({ errors: [formatError(error)] }), {
    'content-type': 'application/json; charset=utf-8',
    // What is left of the body need not be read.
    ...(response.req.complete ? {} : { connection: 'close' }),
    ...headers,
  });
}

export function accepts(request: IncomingMessage, mediaType: string): boolean {
  return request.headers.accept?.includes(mediaType) ?? false;
}
