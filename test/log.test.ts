import { expect, it } from 'vitest';
import { createTestDatabase } from './support/database.ts';
import { createGitRepository } from './support/git-repository.ts';
import { connect } from './support/graphql-ws-client.ts';
import { apiUrl, GroundcrewProcesses, instantProvider } from './support/groundcrew-processes.ts';
import { startProcess } from './support/processes.ts';
import { waitFor } from './support/wait-for.ts';

it('redacts secrets in logged errors, in their causes and in lines that providers log', async () => {
  const program = `
    import { createLogger } from './src/log.ts';
    const cause = new Error('password=hunter2');
    const err = Object.assign(new Error('at https://u:hunter2@h/', { cause }), { stderr: '--token hunter2' });
    createLogger('info').info({ err, line: 'GITHUB_TOKEN=hunter2' }, 'logged');
  `;
  await using started = startProcess(['node', '--input-type=module-typescript', '--eval', program]);
  expect((await started.exit).code).toBe(0);
  expect(started.stderr).toHaveLength(1);
  expect(JSON.parse(started.stderr[0] ?? '')).toMatchObject({ msg: 'logged', err: { type: 'Error' } });
  expect(started.stderr[0]).not.toContain('hunter2');
});

it('names the request, the socket, the job and the task in the lines that are logged for them', async () => {
  const database = await createTestDatabase();
  await using repository = await createGitRepository();
  await using processes = await GroundcrewProcesses.create({
    DATABASE_URL: database.url,
    GROUNDCREW_PROVIDERS: instantProvider,
    GROUNDCREW_RETRY_BASE_MS: '60000',
    LOG_LEVEL: 'debug',
  });
  const started = processes.start('start');
  const url = await apiUrl(started);
  const post = (query: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${GroundcrewProcesses.token}`,
        ...headers,
      },
      body: JSON.stringify({ query }),
    });
  const logged = (fields: Record<string, unknown>) => async () => {
    const lines = started.stderr.map((line) => JSON.parse(line) as Record<string, unknown>);
    return lines.find((line) => Object.entries(fields).every(([name, value]) => line[name] === value));
  };
  const refused = 'mutation { cancelTask(id: "task_x") { id } }';
  const own = await post(refused);
  const requestId = own.headers.get('x-request-id');
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  await waitFor(logged({ msg: 'operation failed', code: 'NOT_FOUND', requestId }));

  const given = await post(refused, { 'x-request-id': 'proxy-7' });
  expect(given.headers.get('x-request-id')).toBe('proxy-7');
  await waitFor(logged({ msg: 'operation failed', requestId: 'proxy-7' }));
  const hostile = await post(refused, { 'x-request-id': 'a b' });
  expect(hostile.headers.get('x-request-id')).not.toContain(' ');

  const client = await connect(url, { token: GroundcrewProcesses.token });
  const subscribed = 'subscription { taskUpdated(id: "task_x") { id } }';
  for (const query of [refused, subscribed]) await client.subscribe({ query }).next();
  await waitFor(async () => {
    const ids = started.stderr.flatMap((line) => JSON.parse(line).socketId ?? []);
    return ids.length === 2 && /^[0-9a-f]{32}$/.test(ids[0]) && ids[0] === ids[1];
  });
  await client.close();

  const missing = `${repository.path}-missing`;
  const created = await post(
    `mutation { createTask(input: { repoUrl: "${missing}", prompt: "Say hello" }) { id } }`,
  );
  const { data } = (await created.json()) as { data: { createTask: { id: string } } };
  const line = await waitFor(logged({ msg: 'attempt failed', taskId: data.createTask.id }));
  expect(line).toMatchObject({ job: 'provisionTask', jobId: expect.stringMatching(/^\d+$/) });
  await started[Symbol.asyncDispose]();
  await database.drop();
});
