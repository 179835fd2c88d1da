import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Role, startGroundcrew } from '../../src/app/start.ts';
import { describeError } from '../../src/commands/describe-error.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/log.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { apiUrl, GroundcrewProcesses, type Settings, workerReady } from '../support/groundcrew-processes.ts';
import { type StartedProcess, startProcess } from '../support/processes.ts';
import { hangs, startScriptedProvider } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';

const { token } = GroundcrewProcesses;
let database: TestDatabase;
let processes: GroundcrewProcesses;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  processes = await GroundcrewProcesses.create({ DATABASE_URL: database.url, LOG_LEVEL: 'silent' });
});
afterEach(() => processes[Symbol.asyncDispose]());

const run = (command: string, settings: Settings = {}): StartedProcess => processes.start(command, settings);

async function expectRefusal(started: StartedProcess, line: RegExp): Promise<void> {
  expect(await started.exit).toEqual({ code: 1, signal: null });
  expect(started.stderr).toEqual([expect.stringMatching(line)]);
  expect(started.stdout).toEqual([]);
}

describe('a command with a wrong setting prints one line that names it, and exits with 1', () => {
  it.each([
    ['start', 'PORT', 'many'],
    ['api', 'HOST', '192.0.2.1'],
    ['worker', 'GROUNDCREW_PROVIDERS', './nothing-of-this-name.mjs'],
    ['migrate', 'DATABASE_URL', 'postgres://nowhere.invalid/x'],
    ['worker', 'DATABASE_URL', undefined],
  ])('%s with %s=%s', async (command, name, value) => {
    await expectRefusal(run(command, { [name]: value }), new RegExp(`^groundcrew: ${name}\\b.+`));
  });

  it.each(['', 'serve', '--help'])(
    'prints its usage and exits with 1 for the unknown command %j',
    async (command) => {
      await expectRefusal(run(command), /^groundcrew: usage: .*start\|api\|worker\|migrate/);
    },
  );
});

/** In this process: what a command prints of an error, and its exit code, is shown above. */
describe('a role that cannot start with a setting is refused with one line that names it', () => {
  async function expectRefusedStart(role: Role, settings: Settings, line: RegExp): Promise<void> {
    const env = {
      DATABASE_URL: database.url,
      GROUNDCREW_DATA_DIR: processes.dataDir,
      PORT: '0',
      ...settings,
    };
    const start = async () => startGroundcrew(role, loadConfig(env), createLogger('silent'));
    const description = await start().then(
      (groundcrew) => groundcrew.stop().then(() => 'it has started'),
      describeError,
    );
    expect(description).toMatch(line);
    expect(description.split('\n')).toHaveLength(1);
  }

  it.each([
    ['api', 'DATABASE_URL', undefined],
    ['api', 'HOST', 'nowhere.invalid'],
    ['api', 'GROUNDCREW_PROVIDERS', 'nothing-of-this-name'],
  ] as const)('%s with %s=%s', async (role, name, value) => {
    await expectRefusedStart(role, { [name]: value }, new RegExp(`^${name}\\b.+`));
  });

  it.each(['/etc/passwd', '/dev/null/x', '/proc/x'])('start with GROUNDCREW_DATA_DIR=%s', async (path) => {
    const settings = { GROUNDCREW_DATA_DIR: path, DATABASE_URL: undefined };
    await expectRefusedStart('start', settings, /^GROUNDCREW_DATA_DIR\b.+/);
  });

  it('api with a PORT that is in use', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    await expectRefusedStart('api', { PORT: String(port) }, new RegExp(`^PORT\\b.*${port}`));
    await new Promise((resolve) => taken.close(resolve));
  });
});

describe('a command that serves', () => {
  it.each([
    ['start', 'info', ['SIGTERM', 'SIGINT'], [workerReady, apiUrl, signInLink]],
    // At SIGTERM it hands its tasks over (below), and exits with 0 too.
    ['worker', 'debug', ['SIGINT'], [workerReady]],
  ] as const)(
    '%s prints its ready line, logs one JSON object a line (%s) on stderr, and exits with 0 at each of %j',
    async (command, level, signals, readiness) => {
      for (const signal of signals) {
        const started = run(command, { LOG_LEVEL: level });
        for (const ready of readiness) await ready(started);
        started.kill(signal);
        expect(await started.exit).toEqual({ code: 0, signal: null });
        expect(started.stdout).toHaveLength(readiness.length);
        expect(started.stderr.length).toBeGreaterThan(0);
        for (const line of started.stderr)
          expect(JSON.parse(line)).toMatchObject({ msg: expect.any(String) });
      }
    },
  );

  it('api prints its ready line, exits with 0 at SIGTERM and at SIGINT, and keeps the token of its first start, which only its owner may read', async () => {
    const tokens = [];
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const started = run('api', { GROUNDCREW_TOKEN: undefined });
      const url = await apiUrl(started);
      const kept = (await readFile(join(processes.dataDir, 'token'), 'utf8')).trim();
      tokens.push(kept);
      const query = '{ viewer { workspace { name } } }';
      expect(await fetchGraphql(url, kept, query)).toMatchObject({ status: 200, data: {} });
      expect((await fetchGraphql(url, token, query)).errors).toHaveLength(1);
      started.kill(signal);
      expect(await started.exit).toEqual({ code: 0, signal: null });
      expect(started.stdout).toHaveLength(1);
      expect(started.stderr).toEqual([]);
    }
    expect(tokens[0]).toBe(tokens[1]);
    expect((await stat(join(processes.dataDir, 'token'))).mode & 0o777).toBe(0o600);
  });

  it('worker exits with 0 at a SIGTERM before it is ready', async () => {
    const started = run('worker', { LOG_LEVEL: 'info' });
    await waitFor(async () => (await connections()) > 0);
    started.kill('SIGTERM');
    expect(await started.exit).toEqual({ code: 0, signal: null });
  });
});

describe('npm', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'run worker ends the worker when npm receives %s',
    async (signal) => {
      const started = startProcess(['npm', 'run', '--silent', 'worker'], {
        env: { DATABASE_URL: database.url, GROUNDCREW_DATA_DIR: processes.dataDir, LOG_LEVEL: 'silent' },
      });
      await workerReady(started);
      started.kill(signal);
      await started.exit;
      await waitFor(async () => (await connections()) === 0);
    },
  );
});

describe('migrate', () => {
  it('migrates an empty database while other commands migrate it too', async () => {
    const empty = await createEmptyDatabase();
    const env = { DATABASE_URL: empty.url };
    const migrating = [run('migrate', env), run('migrate', env)];
    const serving = [run('api', env), run('worker', env)] as const;
    for (const each of migrating) expect((await each.exit).code).toBe(0);
    const url = await apiUrl(serving[0]);
    await workerReady(serving[1]);
    const answer = await fetchGraphql(url, token, '{ viewer { workspace { name } } }');
    expect(answer.data).toEqual({ viewer: { workspace: { name: 'Default' } } });
    for (const each of serving) each.kill();
    for (const each of serving) expect((await each.exit).code).toBe(0);
    for (const each of [...migrating, ...serving]) expect(each.stderr).toEqual([]);
    const again = run('migrate', env);
    expect((await again.exit).code).toBe(0);
    await empty.drop();
  });
});

describe('a worker', () => {
  it('provisions the tasks of an API in another process, and hands them over at SIGTERM', async () => {
    await using provider = await startScriptedProvider();
    await using repository = await createGitRepository();
    const env = { ...provider.env, GROUNDCREW_LOCAL_REPOS: 'allow' };
    const api = run('api', env);
    const first = run('worker', env);
    const url = await apiUrl(api);
    await workerReady(first);

    const rule = provider.on('ensureAgent', hangs(), { times: 1 });
    const created = await fetchGraphql(
      url,
      token,
      'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id revision } }',
      { input: { repoUrl: repository.path, prompt: 'Fix the tests' } },
    );
    const { id, revision } = (created.data as { createTask: { id: string; revision: number } }).createTask;
    expect(revision).toBe(1);
    const call = await provider.waitForCall('ensureAgent');
    expect(call.pid).toBe(first.pid);

    first.kill('SIGTERM');
    expect(await first.exit).toEqual({ code: 0, signal: null });
    expect(rule.calls[0]?.state.aborted).toBe(true);
    expect(await sql('select from graphile_worker.jobs where locked_at is not null')).toEqual([]);
    expect(await sql('select from task where leased_by is not null')).toEqual([]);

    const second = run('worker', env);
    await workerReady(second);
    await waitFor(async () => (await sql('select status from task'))[0]?.status === 'running');
    const calls = provider.calls.filter(({ method }) => method !== 'listSandboxes');
    expect(calls.map(({ method, pid }) => [method, pid])).toEqual([
      ['createSandbox', first.pid],
      ['ensureAgent', first.pid],
      ['ensureAgent', second.pid],
      ['createSession', second.pid],
    ]);
    const { data } = await fetchGraphql(url, token, `{ task(id: "${id}") { status steps { attempt } } }`);
    expect(data).toMatchObject({ task: { status: 'RUNNING' } });
    for (const each of [api, second]) each.kill();
    for (const each of [api, second]) expect((await each.exit).code).toBe(0);
  });
});

async function signInLink(started: StartedProcess): Promise<void> {
  await started.waitForLine(/^sign in: http:\/\/127\.0\.0\.1:\d+\/login#[\w-]{20,}$/);
}

async function sql(text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: database.url, application_name: 'test' });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Of Groundcrew's processes to the test's database. */
async function connections(): Promise<number> {
  const rows = await sql(
    `select from pg_stat_activity where datname = current_database() and application_name like 'groundcrew%'`,
  );
  return rows.length;
}
