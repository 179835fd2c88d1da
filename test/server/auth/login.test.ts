import { describe, expect, it } from 'vitest';
import { startExample } from '../example-app.ts';

const token = 'good-a';

function signIn(
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = { origin: url },
) {
  return fetch(`${url}/login`, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers,
    redirect: 'manual',
  });
}

describe('POST /login', () => {
  it('turns a token into a valid cookie that scripts cannot read', async () => {
    const { url } = await startExample();
    const response = await signIn(url, { token });
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe('/');
    const [cookie = '', ...attributes] = (response.headers.get('set-cookie') ?? '').split('; ');
    expect(attributes).toEqual(expect.arrayContaining(['HttpOnly', 'SameSite=Strict', 'Path=/']));
    const answer = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie, origin: url },
      body: JSON.stringify({ query: '{ me }' }),
    });
    expect(await answer.json()).toEqual({ data: { me: token } });
  });

  it('accepts the code of a sign-in link once', async () => {
    const { url, app } = await startExample();
    const code = app.signInCodes.create(token);
    const first = await signIn(url, { code });
    expect(first.status).toBe(303);
    expect(first.headers.get('set-cookie')).toContain('groundcrew_login=');
    const second = await signIn(url, { code });
    expect(second.status).toBe(403);
    expect(second.headers.get('set-cookie')).toBeNull();
  });

  it('refuses forms of other origins, and forms that are too large', async () => {
    const { url } = await startExample();
    expect((await signIn(url, { token }, { origin: 'http://evil.example' })).status).toBe(403);
    expect((await signIn(url, { token: 'x'.repeat(5_000) })).status).toBe(413);
  });

  it.each<Record<string, string>>([{ token: 'bad' }, { code: 'bad' }, { token: '' }, {}])(
    'refuses the form %j',
    async (form) => {
      const { url } = await startExample();
      const response = await signIn(url, form);
      expect(response.status).toBe(403);
      expect(response.headers.get('set-cookie')).toBeNull();
    },
  );

  it('marks the cookie as one for https where the page came over it', async () => {
    const { url } = await startExample();
    const response = await signIn(url, { token }, { origin: url.replace('http:', 'https:') });
    expect(response.headers.get('set-cookie')).toContain('; Secure');
  });

  it('takes no token from the address', async () => {
    const { url } = await startExample();
    for (const method of ['GET', 'POST']) {
      const response = await fetch(`${url}/login?token=${token}`, { method, redirect: 'manual' });
      expect(response.headers.get('set-cookie')).toBeNull();
    }
  });
});

describe('POST /logout', () => {
  const signOut = (url: string, headers: Record<string, string>) =>
    fetch(`${url}/logout`, { method: 'POST', headers, redirect: 'manual' });

  it('ends the login of the cookie, and makes the browser forget it', async () => {
    const { url, endedLogins } = await startExample();
    const response = await signOut(url, { origin: url, cookie: `groundcrew_login=${token}` });
    expect([response.status, response.headers.get('location')]).toEqual([303, '/login']);
    expect(response.headers.get('set-cookie')).toMatch(/^groundcrew_login=; Path=\/; Max-Age=0; /);
    expect(endedLogins).toEqual([token]);
  });

  it('is answered alike for a login that has ended, and for none', async () => {
    const { url } = await startExample();
    for (const cookie of ['groundcrew_login=bad', 'other=1']) {
      expect((await signOut(url, { origin: url, cookie })).status).toBe(303);
    }
  });

  it('is refused from another site, and by GET', async () => {
    const { url, endedLogins } = await startExample();
    const cookie = `groundcrew_login=${token}`;
    expect((await signOut(url, { origin: 'http://evil.example', cookie })).status).toBe(403);
    expect((await signOut(url, { origin: 'null', cookie })).status).toBe(403);
    await fetch(`${url}/logout`, { headers: { cookie }, redirect: 'manual' });
    expect(endedLogins).toEqual([]);
  });
});
