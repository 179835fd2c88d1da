import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { accepts, replyText } from '../reply.ts';

/** What `npm ci` builds from `src/web`. */
const folder = join(import.meta.dirname, '../../../dist/web');

/** The paths that the page's own router shows. Any other path is answered with 404. */
const routes = /^\/(new|login|graphiql|tasks\/[^/]+)?$/;

const mediaTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** In the order of preference; each has its suffix in the names of the files that the build compresses. */
const encodings = { br: '.br', gzip: '.gz' } as const;

/** No inline script or style, and nothing from other origins. `connect-src 'self'` includes the WebSocket. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

interface Asset {
  readonly headers: OutgoingHttpHeaders;
  readonly bodies: ReadonlyMap<string, Buffer>;
  readonly etag: string;
}

let assets: Promise<ReadonlyMap<string, Asset>> | undefined;

/** `GET` of the web page and of its files, which are kept in memory. False when the path belongs to neither. */
export async function replyWebPage(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<boolean> {
  const isAsset = path.startsWith('/assets/') || path === '/icon.svg';
  if (!isAsset && !routes.test(path) && !accepts(request, 'text/html')) return false;
  assets ??= readAssets().catch((error: unknown) => {
    assets = undefined;
    throw error;
  });
  const found = await assets;
  if (found.size === 0) {
    replyText(response, 503, 'The web page is not built. Run: npm run build:web\n');
    return true;
  }
  const asset = found.get(isAsset ? path : '/index.html');
  if (!asset) return false;
  // The page itself says that there is nothing at the path.
  reply(request, response, asset, isAsset || routes.test(path) ? 200 : 404);
  return true;
}

function reply(request: IncomingMessage, response: ServerResponse, asset: Asset, status: number): void {
  const accepted = request.headers['accept-encoding']?.toString() ?? '';
  const encoding = Object.keys(encodings).find(
    (name) =>
      asset.bodies.has(name) && new RegExp(`\\b${name}\\b(?!\\s*;\\s*q=0(\\.0*)?(,|$))`).test(accepted),
  );
  const body = asset.bodies.get(encoding ?? '') as Buffer;
  const headers: OutgoingHttpHeaders = { ...asset.headers, vary: 'accept-encoding', etag: asset.etag };
  if (status === 200 && request.headers['if-none-match'] === asset.etag) {
    response.writeHead(304, headers).end();
    return;
  }
  if (encoding) headers['content-encoding'] = encoding;
  headers['content-length'] = body.byteLength;
  response.writeHead(status, headers);
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function readAssets(): Promise<ReadonlyMap<string, Asset>> {
  const read = new Map<string, Asset>();
  if (!existsSync(join(folder, 'index.html'))) return read;
  for (const name of await readdir(folder, { recursive: true })) {
    const mediaType = mediaTypes[extname(name)];
    if (!mediaType) continue;
    const body = await readFile(join(folder, name));
    const bodies = new Map([['', body]]);
    for (const [encoding, suffix] of Object.entries(encodings)) {
      const file = join(folder, name + suffix);
      if (existsSync(file)) bodies.set(encoding, readFileSync(file));
    }
    const headers: OutgoingHttpHeaders = {
      'content-type': mediaType,
      // The name of a file in `assets` changes with its content.
      'cache-control': name.startsWith('assets') ? 'public, max-age=31536000, immutable' : 'no-cache',
      ...(name.endsWith('.html')
        ? { 'content-security-policy': contentSecurityPolicy, 'referrer-policy': 'same-origin' }
        : {}),
    };
    const etag = `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    read.set(`/${name.replaceAll('\\', '/')}`, { headers, bodies, etag });
  }
  return read;
}
