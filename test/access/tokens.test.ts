import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Groundcrew, startGroundcrew } from '../../src/app/start.ts';
import { createGroundcrew } from '../../src/client/client.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/log.ts';
import { endCredential } from '../../src/tasks/store/credential-ends.ts';
import { WakeUpListener } from '../../src/tasks/store/wake-up-listener.ts';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { connect, open } from '../support/graphql-ws-client.ts';
import { ownTime } from '../support/own-time.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

let app: StartedApp;
/** Another server on the same database. */
let other: Groundcrew & { url: string };

beforeAll(async () => {
  app = await startApp('api');
  const config = loadConfig({ PORT: '0', DATABASE_URL: app.stored.url, GROUNDCREW_TOKEN: app.token });
  const started = await startGroundcrew('api', config, createLogger('fatal'));
  other = Object.assign(started, { url: started.url as string });
});
afterAll(async () => {
  await other.stop();
  await app[Symbol.asyncDispose]();
});

const createDocument = `mutation ($input: CreateApiTokenInput!) {
  createApiToken(input: $input) { token apiToken { id name scopes prefix expiresAt revokedAt lastUsedAt task { id } } }
}`;
interface Created {
  readonly token: string;
  readonly apiToken: Readonly<Record<string, unknown>> & { readonly id: string };
}

async function createToken(input: Readonly<Record<string, unknown>> = {}): Promise<Created> {
  const { createApiToken } = await app.ask<{ createApiToken: Created }>(createDocument, {
    input: { name: 'bot', scopes: ['TASKS_WRITE'], ...input },
  });
  return createApiToken;
}

const revoke = (id: string) =>
  app.ask('mutation ($id: ID!) { revokeApiToken(id: $id) { id revokedAt } }', { id });
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

describe('an API token', () => {
  it('opens its workspace, says what it may do, and is listed without its text', async () => {
    const { token, apiToken } = await createToken({ name: 'ci', expiresAt: inSeconds(3_600) });
    expect(token).toMatch(/^gc_[0-9A-Za-z]{49}$/);
    expect(apiToken).toMatchObject({ name: 'ci', scopes: ['TASKS_WRITE'], revokedAt: null, task: null });
    expect(token.startsWith(apiToken.prefix as string)).toBe(true);

    const viewer = '{ viewer { scopes token { id lastUsedAt } workspace { name } } }';
    const { data } = await fetchGraphql(app.url, token, viewer);
    expect(data).toMatchObject({
      viewer: { scopes: ['TASKS_WRITE'], token: { id: apiToken.id }, workspace: { name: 'Default' } },
    });
    expect(await app.ask(viewer)).toMatchObject({
      viewer: { scopes: ['TASKS_READ', 'TASKS_WRITE', 'ADMIN'], token: null },
    });

    const list = async () => {
      const { apiTokens } = await app.ask<{ apiTokens: { nodes: Created['apiToken'][] } }>(
        '{ apiTokens { nodes { id lastUsedAt } } }',
      );
      return apiTokens.nodes.find(({ id }) => id === apiToken.id);
    };
    await waitFor(async () => (await list())?.lastUsedAt != null);
    expect((await list())?.lastUsedAt).toMatch(/:00\.000Z$/);
    const [row] = await app.stored.sql('select * from api_token where id = ?', [apiToken.id]);
    expect(JSON.stringify(row)).not.toContain(token);
  });

  it('is shown in the history by its name', async () => {
    const { token } = await createToken({ name: 'release bot' });
    const created = await fetchGraphql(
      app.url,
      token,
      `mutation { createTask(input: { repoUrl: "https://example.com/o/r", prompt: "Fix" }) { id } }`,
    );
    const { id } = (created.data as { createTask: { id: string } }).createTask;
    await app.ask('mutation ($id: ID!) { cancelTask(id: $id) { id } }', { id });
    expect(
      await app.ask('query ($id: ID!) { task(id: $id) { events { nodes { kind actor } } } }', { id }),
    ).toMatchObject({
      task: {
        events: {
          nodes: [
            { kind: 'task.created', actor: 'release bot' },
            { kind: 'task.canceled', actor: 'owner' },
          ],
        },
      },
    });
    const [entry] = await app.stored.sql(`select actor, action from audit_event where object_id = ?`, [id]);
    expect(entry).toEqual({ actor: 'owner', action: 'task.canceled' });
  });

  it.each([
    ['no name', { name: ' ' }, 'name'],
    ['the name of the owner', { name: 'Owner' }, 'name'],
    ['the name of the system', { name: 'system' }, 'name'],
    ['the name of the owner in wide letters', { name: 'ｏｗｎｅｒ' }, 'name'],
    ['the name of the owner with a joiner', { name: 'own\u200der' }, 'name'],
    ['the name of the owner with a variation', { name: 'owner\ufe0f' }, 'name'],
    ['a name with a space that nobody sees', { name: 'bot\u200b' }, 'name'],
    ['a name with tags', { name: 'bot\u{e0041}' }, 'name'],
    ['a name of two lines', { name: 'a\nb' }, 'name'],
    ['a name that turns the text around it', { name: 'a\u202eb' }, 'name'],
    ['no scope', { scopes: [] }, 'scopes'],
    ['an expiry in the past', { expiresAt: '2020-01-01T00:00:00.000Z' }, 'expiresAt'],
    ['an expiry on a day that does not exist', { expiresAt: '2999-02-30T00:00:00.000Z' }, 'expiresAt'],
    [
      'a workspace that does not exist',
      { workspaceId: 'workspace_01jd0000000000000000000000' },
      'workspaceId',
    ],
    ['a malformed workspace', { workspaceId: 'nonsense' }, 'workspaceId'],
  ])('is not made with %s', async (_what, input, field) => {
    const code = field === 'workspaceId' ? 'NOT_FOUND' : 'BAD_USER_INPUT';
    const variables = { input: { name: 'bot', scopes: ['ADMIN'], ...input } };
    expect(await app.refusal(createDocument, variables)).toMatchObject({ code, field });
  });

  it.each([
    ['mistyped', (token: string) => `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`, /checksum/],
    ['cut', (token: string) => token.slice(0, -1), /checksum/],
    ['another text', () => 'gc', /valid token is required/],
  ])('that is %s is refused, and the answer says so', async (_what, change, message) => {
    const { token } = await createToken();
    const { status, errors } = await fetchGraphql(app.url, change(token), '{ viewer { scopes } }');
    expect(status).toBe(401);
    expect(errors?.[0]).toMatchObject({ message: expect.stringMatching(message) });
    const client = await open(app.url);
    client.send({ type: 'connection_init', payload: { authorization: `Bearer ${change(token)}` } });
    expect((await client.closed).code).toBe(4403);
  });

  it('costs no statement while it is in use', async () => {
    const { token } = await createToken();
    const ask = async () => (await fetchGraphql(app.url, token, '{ viewer { scopes } }')).status;
    await ask();
    // While the table is locked, every statement that looks at it waits.
    await app.stored.db.transaction(async (locking) => {
      await locking.em().execute('lock table api_token in access exclusive mode');
      expect(await Promise.all([ask(), ask(), ask(), ask(), ask()])).toEqual([200, 200, 200, 200, 200]);
    });
  });
});

describe('a token that ends', () => {
  const watch = 'subscription ($id: ID!) { taskUpdated(id: $id) { revision } }';

  it('by revocation opens nothing from the answer on, and its sockets close with 4403 at every server', async () => {
    const { token, apiToken } = await createToken();
    const id = await app.create();
    const clients = await Promise.all([app.url, other.url].map((url) => connect(url, { token })));
    const subscriptions = clients.map((client) => client.subscribe({ query: watch, variables: { id } }));
    await Promise.all(subscriptions.map((subscription) => subscription.next()));

    await revoke(apiToken.id);
    const answered = ownTime.now();
    for (const url of [app.url, other.url]) {
      const { status, errors } = await fetchGraphql(url, token, '{ viewer { scopes } }');
      expect([status, errors?.[0]?.extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
    }
    const closed = await Promise.all(clients.map((client) => client.closed));
    expect(closed.map(({ code }) => code)).toEqual([4403, 4403]);
    expect(ownTime.now() - answered).toBeLessThan(1_000);
  });

  it('by revocation opens nothing from the answer on at a server that hears nothing either', async () => {
    await using proxy = await startPostgresProxy(app.stored.url);
    const config = loadConfig({ PORT: '0', DATABASE_URL: proxy.url, GROUNDCREW_TOKEN: app.token });
    const deaf = await startGroundcrew('api', config, createLogger('fatal'));
    const status = async (token: string) =>
      (await fetchGraphql(deaf.url as string, token, '{ viewer { scopes } }')).status;
    try {
      const { token, apiToken } = await createToken();
      expect(await status(token)).toBe(200);
      proxy.freezeListeners();
      await revoke(apiToken.id);
      expect(await status(token)).toBe(401);
    } finally {
      await deaf.stop();
    }
  });

  it('is acknowledged by every server that listens', async () => {
    const { apiToken } = await createToken();
    const listener = new WakeUpListener({ url: app.stored.url, logger: createLogger('silent') });
    try {
      await listener.start();
      // Returns how many servers have not acknowledged.
      expect(await endCredential(app.stored.db, listener, apiToken.id)).toBe(0);
    } finally {
      await listener.stop();
    }
  });

  it('without a notification closes its sockets within a second all the same', async () => {
    const { token, apiToken } = await createToken();
    const client = await connect(other.url, { token });
    await app.stored.sql('update api_token set revoked_at = now() where id = ?', [apiToken.id]);
    const revoked = ownTime.now();
    expect((await client.closed).code).toBe(4403);
    expect(ownTime.now() - revoked).toBeLessThan(1_500);
    expect((await fetchGraphql(other.url, token, '{ viewer { scopes } }')).status).toBe(401);
  });

  it('by expiry closes its sockets with 4403, and opens nothing', async () => {
    const { token, apiToken } = await createToken({ expiresAt: inSeconds(1.5) });
    const client = await connect(app.url, { token });
    expect((await client.closed).code).toBe(4403);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(apiToken.expiresAt as string));
    expect((await fetchGraphql(app.url, token, '{ viewer { scopes } }')).status).toBe(401);
  });

  it('lets a client with a token function go on with the next one, and miss nothing', async () => {
    const tokens = await Promise.all([createToken(), createToken()]);
    let current = tokens[0] as Created;
    const client = createGroundcrew({ url: app.url, token: () => current.token });
    const id = await app.create();
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { revision } of client.watchTask(id, { afterRevision: 0 })) {
        seen.push(revision);
        if (revision === 8) return;
      }
    })();
    await app.stored.reviseTimes(id, 3);
    await waitFor(() => seen.length === 4);
    await revoke(current.apiToken.id);
    await app.stored.reviseTimes(id, 2);
    current = tokens[1] as Created;
    await app.stored.reviseTimes(id, 2);
    await watching;
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await client.close();
  });
});
