import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

/** What a request asks for, in the words of GraphQL over HTTP. Not checked yet, but for empty strings, which count as left out. */
export interface RequestParams {
  readonly query?: unknown;
  readonly operationName?: unknown;
  readonly variables?: unknown;
  readonly extensions?: unknown;
}

/** The request cannot be read; the message is a sentence for the client. */
export class UnreadableRequestError extends Error {
  override readonly name = 'UnreadableRequestError';
  readonly status: 400 | 413 | 415;

  constructor(status: 400 | 413 | 415, message: string) {
    super(message);
    this.status = status;
  }
}

const decompressions = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const;

/** Reads the JSON body of a POST. `maxBody` is the most bytes, before and after decompression. */
export async function readBody(request: IncomingMessage, maxBody: number): Promise<RequestParams> {
  const bytes = await readBytes(request, maxBody);
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new UnreadableRequestError(400, 'The body is not valid JSON in UTF-8.');
  }
  if (Array.isArray(body)) throw new UnreadableRequestError(400, 'Batching is not supported.');
  if (typeof body !== 'object' || body === null) {
    throw new UnreadableRequestError(400, 'The body is not a JSON object.');
  }
  return paramsOf(body);
}

/** Reads the query string of a GET, in which variables and extensions are JSON. */
export function readQueryString(url: string): RequestParams {
  const { searchParams } = new URL(url, 'http://localhost');
  const text = (name: string) => searchParams.get(name) ?? undefined;
  return paramsOf({
    query: text('query'),
    operationName: text('operationName'),
    variables: parseJson('variables', text('variables')),
    extensions: parseJson('extensions', text('extensions')),
  });
}

/** Other properties are ignored: clients add their own, such as the id of a stored document. */
function paramsOf({ query, operationName, variables, extensions }: RequestParams): RequestParams {
  return {
    query,
    operationName: operationName === '' ? undefined : operationName,
    variables: variables === '' ? undefined : variables,
    extensions: extensions === '' ? undefined : extensions,
  };
}

function parseJson(name: string, text = ''): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableRequestError(400, `The parameter ${name} is not valid JSON.`);
  }
}

async function readBytes(request: IncomingMessage, maxBody: number): Promise<Buffer> {
  if (Number(request.headers['content-length']) > maxBody) throw tooLarge(maxBody);
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() || 'identity';
  // The request is not destroyed when it is read no further: its connection carries the response.
  const sent = limited(request.iterator({ destroyOnReturn: false }), maxBody);
  if (encoding === 'identity') return collect(sent);
  if (!Object.hasOwn(decompressions, encoding)) {
    const message = 'The body may be compressed with gzip, deflate or br, and with nothing else.';
    throw new UnreadableRequestError(415, message);
  }
  const decompress = decompressions[encoding as keyof typeof decompressions]();
  try {
    return await pipeline(sent, decompress, (bytes) => collect(limited(bytes, maxBody)));
  } catch (error) {
    if ((error as { errno?: unknown }).errno === undefined || !request.complete) throw error;
    throw new UnreadableRequestError(400, `The body is not valid ${encoding}.`);
  }
}

/** The same chunks, up to `max` bytes. */
async function* limited(chunks: AsyncIterable<Buffer>, max: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > max) throw tooLarge(max);
    yield chunk;
  }
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

function tooLarge(maxBody: number): UnreadableRequestError {
  return new UnreadableRequestError(413, `The body is larger than ${maxBody} bytes.`);
}
