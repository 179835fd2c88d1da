import { afterAll, beforeAll, expect, it } from 'vitest';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { connect } from '../support/graphql-ws-client.ts';
import { type ApiProcess, GroundcrewProcesses, program } from '../support/groundcrew-processes.ts';
import { isRunning, startProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { createInstallation, type Installation } from './support/installation.ts';

const owner = GroundcrewProcesses.token;
const viewer = '{ viewer { scopes } }';
/** Points of a token in a minute. */
const limit = 40;

/** Of all tests, most of which go on with the servers that the one before has left: a start costs more than a test. */
let app: Installation;
let servers: ApiProcess[] = [];

beforeAll(async () => {
  app = await createInstallation({ settings: { GROUNDCREW_RATE_LIMIT: String(limit) } });
});
afterAll(() => app[Symbol.asyncDispose]());

/** Two servers that run. */
async function twoServers(): Promise<[ApiProcess, ApiProcess]> {
  servers = servers.filter(({ pid }) => isRunning(pid));
  while (servers.length < 2) servers.push(await app.startApi());
  return servers as [ApiProcess, ApiProcess];
}

async function createToken(url: string): Promise<{ id: string; token: string }> {
  const { data } = await fetchGraphql(
    url,
    owner,
    `mutation { createApiToken(input: { name: "bot", scopes: [TASKS_READ] }) { token apiToken { id } } }`,
  );
  const { token, apiToken } = (data as { createApiToken: { token: string; apiToken: { id: string } } })
    .createApiToken;
  return { token, id: apiToken.id };
}

const revoke = (url: string, id: string) =>
  fetchGraphql(url, owner, 'mutation ($id: ID!) { revokeApiToken(id: $id) { id } }', { id });

it('a server that hangs while a token is revoked accepts it no more when it goes on', async () => {
  const [hanging, other] = await twoServers();
  const { id, token } = await createToken(other.url);
  expect((await fetchGraphql(hanging.url, token, viewer)).status).toBe(200);
  hanging.kill('SIGSTOP');
  try {
    const begun = performance.now();
    await revoke(other.url, id);
    expect(performance.now() - begun).toBeLessThan(10_000);
  } finally {
    hanging.kill('SIGCONT');
  }
  expect((await fetchGraphql(hanging.url, token, viewer)).status).toBe(401);
});

it('npm run token revoke returns once every server has heard, and says how many have not', async () => {
  const [hanging, other] = await twoServers();
  const [first, second] = await Promise.all([createToken(other.url), createToken(other.url)]);
  const revokeByCommand = async (id: string) => {
    const command = startProcess(['node', program(), 'token', 'revoke', id], {
      env: { DATABASE_URL: app.databaseUrl, LOG_LEVEL: 'fatal' },
    });
    const { code } = await command.exit;
    return { code, stdout: command.stdout, stderr: command.stderr };
  };
  for (const { url } of [hanging, other]) await fetchGraphql(url, first.token, viewer);
  expect(await revokeByCommand(first.id)).toEqual({
    code: 0,
    stdout: [expect.stringContaining('\trevoked 2')],
    stderr: [],
  });
  for (const { url } of [hanging, other]) {
    expect((await fetchGraphql(url, first.token, viewer)).status).toBe(401);
  }
  hanging.kill('SIGSTOP');
  try {
    expect(await revokeByCommand(second.id)).toMatchObject({
      code: 0,
      stderr: [expect.stringContaining('One API server has not confirmed the revocation.')],
    });
  } finally {
    hanging.kill('SIGCONT');
  }
});

it('a revoked token stays revoked when the server that revoked it is killed, and no server waits for a dead one', async () => {
  const [killed, other] = await twoServers();
  const [first, second] = await Promise.all([createToken(other.url), createToken(other.url)]);
  const socket = await connect(other.url, { token: first.token });
  for (const { token } of [first, second]) await fetchGraphql(other.url, token, viewer);
  await revoke(killed.url, first.id);
  killed.kill('SIGKILL');
  expect((await fetchGraphql(other.url, first.token, viewer)).status).toBe(401);
  expect((await socket.closed).code).toBe(4403);
  await killed.exit;
  // PostgreSQL sees the end of the connection a moment later.
  const sessions = `select from pg_locks where locktype = 'advisory' and mode = 'ShareLock'
    and database = (select oid from pg_database where datname = current_database())`;
  await waitFor(async () => (await app.sql(sessions)).length === 1);
  const begun = performance.now();
  await revoke(other.url, second.id);
  // It waits two seconds for a server that hears nothing.
  expect(performance.now() - begun).toBeLessThan(1_900);
  const again = await app.startApi();
  servers.push(again);
  for (const { token } of [first, second]) {
    expect((await fetchGraphql(again.url, token, viewer)).status).toBe(401);
  }
});

it('points that were used at a server which is killed count at the others', async () => {
  const [killed, other] = await twoServers();
  const { token } = await createToken(other.url);
  for (let taken = 0; taken < limit; taken += 1) {
    expect((await fetchGraphql(killed.url, token, viewer)).status).toBe(200);
  }
  killed.kill('SIGKILL');
  await killed.exit;
  expect((await fetchGraphql(other.url, token, viewer)).status).toBe(429);
});
