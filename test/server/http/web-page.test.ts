import { request } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { startExample } from '../example-app.ts';

const html = { accept: 'text/html,application/xhtml+xml' };

/** `fetch` decompresses by itself, and hides what was sent. */
function get(url: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: Buffer }>(
    (resolve, reject) => {
      request(url, { headers }, async (response) => {
        const chunks = await response.toArray();
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) });
      })
        .on('error', reject)
        .end();
    },
  );
}

/** The paths of the script and the style that the page loads. */
function assetsOf(page: string): string[] {
  return [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1] as string);
}

describe('the web page', () => {
  it.each(['/', '/new', '/login', '/graphiql', '/tasks/task_01jd', '/?status=RUNNING'])(
    'is served at %s, and may load nothing inline or from elsewhere',
    async (path) => {
      const { url } = await startExample();
      const { status, headers, body } = await get(url + path, html);
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      expect(headers['cache-control']).toBe('no-cache');
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(String(body)).not.toMatch(/<script(?![^>]*\bsrc=)|<style|https?:/);
    },
  );

  it('has scripts and a style that may be cached for ever, in the encoding that the browser takes', async () => {
    const { url } = await startExample();
    const assets = assetsOf(String((await get(url, html)).body));
    expect(new Set(assets.map((path) => path.replace(/.*\./, '')))).toEqual(new Set(['css', 'js']));
    for (const path of assets) {
      const plain = await get(url + path);
      expect(plain.status).toBe(200);
      expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(plain.headers['content-encoding']).toBeUndefined();
      const br = await get(url + path, { 'accept-encoding': 'gzip, deflate, br' });
      expect(br.headers['content-encoding']).toBe('br');
      expect(brotliDecompressSync(br.body).equals(plain.body)).toBe(true);
      const gzip = await get(url + path, { 'accept-encoding': 'gzip, br;q=0' });
      expect(gzip.headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true);
      for (const { headers, body } of [br, gzip, plain])
        expect(headers['content-length']).toBe(String(body.length));
    }
  });

  it('is not sent again to a browser that has it', async () => {
    const { url } = await startExample();
    const { headers } = await get(url, html);
    const again = await get(url, { ...html, 'if-none-match': String(headers.etag) });
    expect(again.status).toBe(304);
    expect(again.body).toHaveLength(0);
  });

  it('loads at most 200 kB of script and style', async () => {
    const { url } = await startExample();
    let size = 0;
    for (const path of assetsOf(String((await get(url, html)).body))) {
      size += (await get(url + path, { 'accept-encoding': 'gzip' })).body.length;
    }
    expect(size).toBeGreaterThan(0);
    expect(size).toBeLessThanOrEqual(200_000);
  });

  it('is sent with 404 to a browser at an unknown path, and a line of text to other clients', async () => {
    const { url } = await startExample();
    const page = await get(`${url}/nowhere`, html);
    expect(page.status).toBe(404);
    expect(String(page.body)).toContain('<div id="root">');
    const text = await get(`${url}/nowhere`);
    expect([text.status, String(text.body)]).toEqual([404, 'Not found.\n']);
    expect((await get(`${url}/assets/../../package.json`)).status).toBe(404);
    expect((await get(`${url}/assets/none.js`)).status).toBe(404);
  });
});
