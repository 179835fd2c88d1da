import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { createGunzip, gzip } from 'node:zlib';
import { tabsOfVisitor } from './graphiql-tabs.ts';

/** Options of Yoga's GraphiQL. Yoga passes the ones that it does not know to the GraphiQL component. */
const options = {
  title: 'Groundcrew GraphiQL',
  endpoint: '/graphql',
  subscriptionsProtocol: 'WS',
  // The headers hold a token, which must not stay in the browser's storage.
  shouldPersistHeaders: false,
} as const;

/**
 * GraphiQL sends the headers of its editor with HTTP requests only. These options, functions which JSON cannot express, send
 * the headers with `connection_init` too. The page opens a connection for each subscription, so they are always current.
 */
const headersAsConnectionParams = `(() => {
  let headers = {};
  return {
    onEditHeaders(text) { try { headers = Object(JSON.parse(text || '{}')); } catch {} },
    connectionParams: () => headers,
  };
})()`;

/** The page is self-contained, so the browser may load nothing from other origins. The web page shows it in a frame. */
const contentSecurityPolicy =
  "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'self'; base-uri 'none'; form-action 'self'";

interface Page {
  readonly gzipped: Buffer;
  readonly hash: string;
}

let page: Promise<Page> | undefined;

/** `GET /graphql` from a browser. The page is 9 MB: it is made at the first visit, and kept in compressed form only. */
export async function replyGraphiql(request: IncomingMessage, response: ServerResponse): Promise<void> {
  page ??= makePage().catch((error: unknown) => {
    page = undefined;
    throw error;
  });
  const { gzipped, hash } = await page;
  const compressed = /\bgzip\b/.test(request.headers['accept-encoding']?.toString() ?? '');
  const etag = compressed ? `"${hash}-gzip"` : `"${hash}"`;
  response.setHeader('etag', etag);
  response.setHeader('cache-control', 'no-cache');
  response.setHeader('vary', 'accept, accept-encoding');
  response.setHeader('content-security-policy', contentSecurityPolicy);
  if (request.headers['if-none-match']?.split(/,\s*/).includes(etag)) {
    response.writeHead(304).end();
    return;
  }
  response.setHeader('content-type', 'text/html; charset=utf-8');
  if (request.method === 'HEAD') {
    response.writeHead(200).end();
  } else if (compressed) {
    response
      .writeHead(200, { 'content-encoding': 'gzip', 'content-length': gzipped.byteLength })
      .end(gzipped);
  } else {
    const expand = createGunzip();
    expand.pipe(response.writeHead(200));
    response.once('close', () => expand.destroy());
    expand.end(gzipped);
  }
}

async function makePage(): Promise<Page> {
  // Imported here because the package contains the page: 9 MB that most processes never need.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL(options);
  const json = JSON.stringify(options);
  const at = html.lastIndexOf(json);
  if (at < 0)
    throw new Error('The page of @graphql-yoga/render-graphiql does not contain its options as JSON.');
  const end = at + json.length;
  const whole = `${html.slice(0, at)}{ ...${json}, ...${headersAsConnectionParams}, ...${tabsOfVisitor} }${html.slice(end)}`;
  return {
    gzipped: await promisify(gzip)(whole),
    hash: createHash('sha256').update(whole).digest('base64url').slice(0, 22),
  };
}
