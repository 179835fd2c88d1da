import { get } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { startExample } from '../example-app.ts';

/** Requests the page as a browser does. Not with fetch, which undoes the compression. */
function browse(url: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }>(
    (resolve, reject) => {
      get(`${url}/graphql`, { headers: { accept: 'text/html,*/*', ...headers } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          });
        });
      }).on('error', reject);
    },
  );
}

describe('the GraphiQL page', () => {
  it('loads nothing from other origins', async () => {
    const { url } = await startExample();
    const html = (await browse(url)).body.toString();
    expect(html).toContain('YogaGraphiQL.renderYogaGraphiQL(');
    expect(html).toContain('"subscriptionsProtocol":"WS"');
    expect(html).toContain('connectionParams: () =>');
    // Outside of its scripts and styles, no tag may load anything.
    const frame = html.replace(/<script>[\s\S]*<\/script>|<style>[\s\S]*?<\/style>/g, '');
    expect(frame).not.toMatch(/(src|href)\s*=\s*["']?(?!data:)[^"'\s>]/);
    expect(html).not.toMatch(/<(script|link|img|iframe)[^>]+(src|href)=["']?https?:/);
    // Inside of them, nothing may be imported or fetched from another host.
    expect(html).not.toMatch(/@import|url\(\s*["']?https?:|import\(\s*["']https?:|fetch\(\s*["']https?:/);
    expect(html).not.toContain('unpkg.com');
  });

  it('forbids the browser to load from other origins, and pages of other origins to frame it', async () => {
    const { url } = await startExample();
    const policy = String((await browse(url)).headers['content-security-policy']);
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("frame-ancestors 'self'");
    expect(policy).not.toMatch(/https?:|\*/);
  });

  it('is sent compressed, and only once to a browser that caches it', async () => {
    const { url } = await startExample();
    const plain = await browse(url);
    const zipped = await browse(url, { 'accept-encoding': 'gzip, deflate, br' });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(zipped.body).equals(plain.body)).toBe(true);
    expect(zipped.body.byteLength).toBeLessThan(plain.body.byteLength / 3);
    expect(zipped.headers.etag).not.toBe(plain.headers.etag);
    const again = await browse(url, {
      'accept-encoding': 'gzip, deflate, br',
      'if-none-match': String(zipped.headers.etag),
    });
    expect(again).toMatchObject({ status: 304, body: Buffer.alloc(0) });
  });

  it('needs no token', async () => {
    const { url } = await startExample();
    expect((await browse(url)).status).toBe(200);
  });
});
