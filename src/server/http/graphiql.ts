import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { createGunzip, gzip } from 'node:zlib';

const welcome = `# Sign in at /login, or set a header below: { "Authorization": "Bearer TOKEN" }

query Viewer {
  viewer {
    workspace {
      name
    }
  }
}
`;

/** Options of Yoga's GraphiQL, and of the component in it, which gets those that Yoga does not know. */
const options = {
  title: 'Groundcrew GraphiQL',
  endpoint: '/graphql',
  subscriptionsProtocol: 'WS',
  defaultQuery: welcome,
  // The headers hold a token: they are not to stay in the browser's storage.
  shouldPersistHeaders: false,
} as const;

/**
 * GraphiQL sends what its header editor holds with HTTP requests only. These options, which JSON cannot say, send the
 * same with `connection_init`; the page opens a connection for each subscription, so they are read anew each time.
 */
const headersAsConnectionParams = `(() => {
  let headers = {};
  return {
    onEditHeaders(text) { try { headers = Object(JSON.parse(text || '{}')); } catch {} },
    connectionParams: () =>
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  };
})()`;

/** All of the page is in the page: whatever else it might ask for is not let through. */
const contentSecurityPolicy =
  "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

interface Page {
  readonly gzipped: Buffer;
  readonly hash: string;
}

let page: Promise<Page> | undefined;

/** `GET /graphql` of a browser. The page is 9 MB: made and compressed at the first visit, then kept compressed. */
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
  // Imported here, as the package is as large as the page.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL(options);
  const json = JSON.stringify(options);
  const at = html.lastIndexOf(json);
  if (at < 0) throw new Error('The GraphiQL page does not hold its options where they were.');
  const end = at + json.length;
  const whole = `${html.slice(0, at)}{ ...${json}, ...${headersAsConnectionParams} }${html.slice(end)}`;
  return {
    gzipped: await promisify(gzip)(whole),
    hash: createHash('sha256').update(whole).digest('base64url').slice(0, 22),
  };
}
