import { get } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { startExample } from '../example-app.ts';

/** As a browser asks; without undoing the compression, which fetch does. */
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

it('is all in one page, which loads nothing from elsewhere', async () => {
  const { url } = await startExample();
  const html = (await browse(url)).body.toString();
  expect(html).toContain('YogaGraphiQL.renderYogaGraphiQL(');
  expect(html).toContain('"subscriptionsProtocol":"WS"');
  expect(html).toContain('connectionParams: () =>');
  // Outside of the scripts and styles in it: no tag that loads anything.
  const frame = html.replace(/<script>[\s\S]*<\/script>|<style>[\s\S]*?<\/style>/g, '');
  expect(frame).not.toMatch(/(src|href)\s*=\s*["']?(?!data:)[^"'\s>]/);
  expect(html).not.toMatch(/<(script|link|img|iframe)[^>]+(src|href)=["']?https?:/);
  // Within them: no import and no font or image by address.
  expect(html).not.toMatch(/@import|url\(\s*["']?https?:|import\(\s*["']https?:|fetch\(\s*["']https?:/);
  expect(html).not.toContain('unpkg.com');
});

it('lets the browser load nothing from elsewhere even if it tried, nor others frame it', async () => {
  const { url } = await startExample();
  const policy = String((await browse(url)).headers['content-security-policy']);
  expect(policy).toContain("default-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/https?:|\*/);
});

it('is compressed, and sent once', async () => {
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

it('needs no token, as it holds nothing', async () => {
  const { url } = await startExample();
  expect((await browse(url)).status).toBe(200);
});
