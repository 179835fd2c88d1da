import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TokenPoints } from '../../src/access/token-points.ts';
import { type Groundcrew, startGroundcrew } from '../../src/app/start.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/log.ts';
import { TaskCreator } from '../../src/tasks/create-task.ts';
import { cancelTask } from '../../src/tasks/task-actions.ts';
import { makeToken } from '../../src/tasks/tokens.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { connect } from '../support/graphql-ws-client.ts';
import { repoUrl, StoredTasks } from '../support/stored-tasks.ts';

const token = 'token-of-the-test';
const limit = 12;
let stored: StoredTasks;
/** Two servers on one database. */
let servers: Groundcrew[];
let urls: string[];

beforeAll(async () => {
  stored = await StoredTasks.create();
  const config = loadConfig({
    PORT: '0',
    DATABASE_URL: stored.url,
    GROUNDCREW_TOKEN: token,
    GROUNDCREW_RATE_LIMIT: String(limit),
  });
  servers = [];
  for (let server = 0; server < 2; server += 1) {
    servers.push(await startGroundcrew('api', config, createLogger('fatal')));
  }
  urls = servers.map(({ url }) => url as string);
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  await stored[Symbol.asyncDispose]();
});

const rateLimit = '{ rateLimit { limit cost remaining resetAt } }';

describe('the points of a token', () => {
  it('count over all servers and both transports, and an operation over the limit says when it may come again', async () => {
    const [first, second] = urls as [string, string];
    const { data } = await fetchGraphql(first, token, rateLimit);
    expect(data).toMatchObject({ rateLimit: { limit, cost: 0, remaining: limit } });
    const socket = await connect(second, { token });
    for (let taken = 1; taken <= limit; taken += 1) {
      const query = '{ viewer { scopes } rateLimit { cost remaining } }';
      const answer =
        taken % 2 === 0 ? (await socket.run({ query })).payload : await fetchGraphql(first, token, query);
      expect(answer).toMatchObject({ data: { rateLimit: { cost: 1, remaining: limit - taken } } });
    }
    for (const url of urls) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ query: '{ viewer { scopes } }' }),
      });
      expect(response.status).toBe(429);
      const seconds = Number(response.headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(60);
      expect(await response.json()).toMatchObject({
        errors: [
          {
            message: `The token has used its points: ${limit} a minute are allowed.`,
            extensions: { code: 'RATE_LIMITED' },
          },
        ],
      });
    }
    expect(await socket.run({ query: '{ viewer { scopes } }' })).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'RATE_LIMITED' } }],
    });
    expect((await fetchGraphql(first, token, rateLimit)).data).toMatchObject({ rateLimit: { remaining: 0 } });
    await socket.close();
  });

  it.each([
    ['does not parse', { query: '{' }, 'GRAPHQL_PARSE_FAILED'],
    ['does not validate', { query: '{ missing }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['is too deep', { query: `${'{ a '.repeat(20)}${'}'.repeat(20)}` }, 'QUERY_TOO_COMPLEX'],
    [
      'has no such operation',
      { query: 'query a { viewer { scopes } }', operationName: 'b' },
      'BAD_USER_INPUT',
    ],
    ['has a wrong variable', { query: 'query ($id: ID!) { task(id: $id) { id } }' }, 'BAD_USER_INPUT'],
  ])('are spent by a document that %s, over both transports', async (_what, operation, code) => {
    const [first, second] = urls as [string, string];
    const bot = { workspaceId: stored.view.workspaceId, name: 'bot', scopes: ['tasks_read'] } as const;
    const { token: spent } = await makeToken(stored.db, bot, 'owner');
    const socket = await connect(second, { token: spent });
    const overHttp = async () => {
      const response = await fetch(`${first}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${spent}` },
        body: JSON.stringify(operation),
      });
      const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
      return { status: response.status, code: errors[0]?.extensions.code };
    };
    const overWebSocket = async () => {
      const { payload } = await socket.run(operation);
      const errors = Array.isArray(payload) ? payload : (payload as { errors: unknown[] }).errors;
      return (errors[0] as { extensions: { code: string } }).extensions.code;
    };
    for (let taken = 0; taken < limit; taken += 2) {
      expect((await overHttp()).code).toBe(code);
      expect(await overWebSocket()).toBe(code);
    }
    expect(await overHttp()).toEqual({ status: 429, code: 'RATE_LIMITED' });
    expect(await overWebSocket()).toBe('RATE_LIMITED');
    await socket.close();
  });

  it('cost more the more an operation may return, and no statement far from the limit', async () => {
    await using other = await StoredTasks.create();
    const points = new TokenPoints({ db: other.db, logger: pino({ level: 'silent' }), limit: 6_000 });
    // While the table is locked, every statement that looks at it waits.
    await other.db.transaction(async (locking) => {
      await locking.em().execute('lock table rate_limit in access exclusive mode');
      for (let taken = 1; taken <= 100; taken += 1) {
        expect(await points.take(other.viewer, 1)).toMatchObject({ limit: 6_000, remaining: 6_000 - taken });
      }
    });
    await points.stop();
  });

  it('begin anew with the next window', async () => {
    await using other = await StoredTasks.create();
    const points = new TokenPoints({ db: other.db, logger: pino({ level: 'silent' }), limit: 2 });
    await points.take(other.viewer, 2);
    await expect(points.take(other.viewer, 1)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await other.sql(`update rate_limit set resets_at = now() - interval '1 second'`);
    // Another server, which has not waited for the end of the window.
    const again = new TokenPoints({ db: other.db, logger: pino({ level: 'silent' }), limit: 2 });
    expect(await again.take(other.viewer, 2)).toMatchObject({ remaining: 0 });
  });
});

describe('the quota of active tasks', () => {
  it('holds, also for creates at the same moment, and frees it with a task that is closed', async () => {
    const creator = new TaskCreator(stored.db, { ...stored.taskDefaults, maxActiveTasks: 2 });
    const create = () => creator.create(stored.view, { repoUrl, prompt: 'Fix the tests' });
    const results = await Promise.allSettled(Array.from({ length: 8 }, create));
    const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(made).toHaveLength(2);
    expect(refused.map(({ code }) => code)).toEqual(Array(6).fill('QUOTA_EXCEEDED'));
    expect(refused[0].message).toContain('at most 2');
    expect(await stored.sql('select count(*)::int as tasks from task')).toEqual([{ tasks: 2 }]);
    await cancelTask(stored.view, made[0]?.id as string);
    await create();
    await expect(create()).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
  });
});
