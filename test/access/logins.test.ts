import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Groundcrew, startGroundcrew } from '../../src/app/start.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/log.ts';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { connect } from '../support/graphql-ws-client.ts';
import { ownTime } from '../support/own-time.ts';

type Server = Groundcrew & { url: string };
let app: StartedApp;
/** Another server on the same database. */
let other: Server;

async function startServer(ownersToken: string): Promise<Server> {
  const config = loadConfig({ PORT: '0', DATABASE_URL: app.stored.url, GROUNDCREW_TOKEN: ownersToken });
  const started = await startGroundcrew('api', config, createLogger('fatal'));
  return Object.assign(started, { url: started.url as string });
}

beforeAll(async () => {
  app = await startApp('api');
  other = await startServer(app.token);
});
afterAll(async () => {
  await other.stop();
  await app[Symbol.asyncDispose]();
});

/** Signs in as the page does. Returns the cookie. */
async function signIn(url: string, form: Record<string, string>): Promise<string> {
  const response = await fetch(`${url}/login`, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers: { origin: url },
    redirect: 'manual',
  });
  expect(response.status).toBe(303);
  return (response.headers.get('set-cookie') ?? '').split(';', 1)[0] as string;
}

async function signOut(url: string, cookie: string): Promise<void> {
  const options = { method: 'POST', headers: { origin: url, cookie }, redirect: 'manual' } as const;
  expect((await fetch(`${url}/logout`, options)).status).toBe(303);
}

async function statusOf(url: string, cookie: string): Promise<number> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', cookie, origin: url },
    body: JSON.stringify({ query: '{ viewer { scopes } }' }),
  });
  return response.status;
}

/** A socket of a page. */
const socketOf = (url: string, cookie: string) =>
  connect(url, { headers: { cookie, origin: url }, payload: {} });

async function createToken(input: Readonly<Record<string, unknown>> = {}) {
  const { createApiToken } = await app.ask<{ createApiToken: { token: string; apiToken: { id: string } } }>(
    `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { token apiToken { id } } }`,
    { input: { name: 'visitor', scopes: ['TASKS_READ'], ...input } },
  );
  return { token: createApiToken.token, id: createApiToken.apiToken.id };
}

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

/** Expects that a login and its sockets at both servers end within a second of what ends them. */
async function expectEnd(cookie: string, end: () => Promise<unknown>): Promise<void> {
  const clients = await Promise.all([app.url, other.url].map((url) => socketOf(url, cookie)));
  await end();
  const ended = ownTime.now();
  const closed = await Promise.all(clients.map((client) => client.closed));
  expect(closed.map(({ code }) => code)).toEqual([4403, 4403]);
  expect(ownTime.now() - ended).toBeLessThan(1_000);
  for (const url of [app.url, other.url]) expect(await statusOf(url, cookie)).toBe(401);
}

describe('a login', () => {
  it.each(['owner', 'token'])(
    'of the %s opens every server, and its cookie is not the token',
    async (who) => {
      const token = who === 'owner' ? app.token : (await createToken()).token;
      const cookie = await signIn(app.url, { token });
      expect(cookie).not.toContain(token);
      for (const url of [app.url, other.url]) expect(await statusOf(url, cookie)).toBe(200);
      const rows = await app.stored.sql('select encode(hash, $$escape$$) as hash, * from login');
      expect(JSON.stringify(rows)).not.toContain(cookie.split('=')[1]);
    },
  );

  it('opens no more than its token', async () => {
    const { token } = await createToken();
    const cookie = await signIn(app.url, { token });
    const response = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie, origin: app.url },
      body: JSON.stringify({ query: 'mutation { createWorkspace(input: { name: "x" }) { id } }' }),
    });
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
  });

  it.each(['owner', 'token'])('of the %s ends by a sign-out, at every server', async (who) => {
    const token = who === 'owner' ? app.token : (await createToken()).token;
    const cookie = await signIn(app.url, { token });
    const stays = await signIn(app.url, { token });
    await expectEnd(cookie, () => signOut(other.url, cookie));
    expect(await statusOf(app.url, stays)).toBe(200);
    await signOut(app.url, cookie);
  });

  it('ends with the token that it was made from', async () => {
    const { token, id } = await createToken();
    const cookie = await signIn(app.url, { token });
    await expectEnd(cookie, () => app.ask('mutation ($id: ID!) { revokeApiToken(id: $id) { id } }', { id }));
  });

  it('ends when its token expires', async () => {
    const expiresAt = inSeconds(2);
    const { token } = await createToken({ expiresAt });
    const cookie = await signIn(app.url, { token });
    const client = await socketOf(other.url, cookie);
    expect((await client.closed).code).toBe(4403);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
    expect(await statusOf(app.url, cookie)).toBe(401);
  });

  it('of the owner ends when GROUNDCREW_TOKEN changes, and that of a token does not', async () => {
    const ofOwner = await signIn(app.url, { token: app.token });
    const ofToken = await signIn(app.url, { token: (await createToken()).token });
    const renewed = await startServer('another-token-of-the-owner');
    try {
      expect(await statusOf(renewed.url, ofOwner)).toBe(401);
      expect(await statusOf(renewed.url, ofToken)).toBe(200);
    } finally {
      await renewed.stop();
    }
  });

  it('costs ten points of its token', async () => {
    const { token } = await createToken();
    const remaining = async () => {
      const { data } = await fetchGraphql(app.url, token, '{ rateLimit { remaining } }');
      return (data as { rateLimit: { remaining: number } }).rateLimit.remaining;
    };
    const before = await remaining();
    await signIn(app.url, { token });
    expect(before - (await remaining())).toBe(10);
  });

  it('ends after thirty days, and is recorded in the audit log', async () => {
    const cookie = await signIn(app.url, { token: app.token });
    const [login] = await app.stored.sql<{ id: string; days: number }>(
      `select id, extract(day from expires_at - created_at)::int as days from login order by id desc limit 1`,
    );
    expect(login?.days).toBe(30);
    await app.stored.sql('update login set expires_at = now() where id = ?', [login?.id]);
    expect(await statusOf(app.url, cookie)).toBe(401);
    const audit = await app.stored.sql('select actor, action from audit_event where object_id = ?', [
      login?.id,
    ]);
    expect(audit).toEqual([{ actor: 'owner', action: 'login.created' }]);
  });

  it('without a notification closes its sockets all the same', async () => {
    const cookie = await signIn(app.url, { token: app.token });
    const client = await socketOf(other.url, cookie);
    await app.stored.sql('update login set ended_at = now()');
    const ended = ownTime.now();
    expect((await client.closed).code).toBe(4403);
    expect(ownTime.now() - ended).toBeLessThan(1_500);
  });
});
