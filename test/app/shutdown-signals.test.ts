import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../src/free-port.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { program } from '../support/groundcrew-processes.ts';
import { type StartedProcess, startProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

const token = 'token-of-the-test';
let dataDir: string;
let database: TestDatabase;
let repository: GitRepository;
let server: StartedProcess;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'groundcrew-signals-'));
  database = await createTestDatabase();
  repository = await createGitRepository();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await database.drop();
  await repository[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

function start(...command: [string, ...string[]]): StartedProcess {
  server = startProcess(command, {
    env: {
      DATABASE_URL: database.url,
      GROUNDCREW_DATA_DIR: dataDir,
      GROUNDCREW_TOKEN: token,
      PORT: '0',
      LOG_LEVEL: 'info',
    },
  });
  return server;
}

/** Has the server run a task, so that an agent runs in a sandbox. */
async function runTask(): Promise<void> {
  const [, url = ''] = await server.waitForLine(/^groundcrew ready on (.+)$/, 30_000);
  const ask = (query: string, variables = {}) => fetchGraphql(url, token, query, variables);
  await ask('mutation ($input: CreateTaskInput!) { createTask(input: $input) { id } }', {
    input: { repoUrl: repository.path, prompt: 'Say hello' },
  });
  await waitFor(async () => {
    const { data } = await ask('{ tasks { nodes { status } } }');
    return JSON.stringify(data).includes('RUNNING');
  }, 30_000);
  expect(await agentProcesses()).not.toEqual([]);
}

/** The commands of all processes that run in a sandbox of the test. */
async function agentProcesses(): Promise<string[]> {
  const read = (pid: string, name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    pids.map(async (pid) =>
      (await read(pid, 'environ')).includes(`HOME=${dataDir}/sandboxes/`) ? read(pid, 'cmdline') : '',
    ),
  );
  return commands.filter((command) => command !== '');
}

describe.skipIf(process.platform !== 'linux')('a server that runs an agent', { timeout: 90_000 }, () => {
  it('ends with 0 and ends the agent when its terminal sends SIGQUIT to the whole group', async () => {
    start('node', program(), 'start');
    await runTask();
    server.killGroup('SIGQUIT');
    expect(await server.exit).toEqual({ code: 0, signal: null });
    expect(await agentProcesses()).toEqual([]);
  });

  it('ends the agent when the terminal of npm is closed', async () => {
    start('npm', 'start');
    await runTask();
    server.killGroup('SIGHUP');
    await waitFor(async () => (await agentProcesses()).length === 0, 20_000);
  });

  it('ends the agent when npm alone is killed', async () => {
    start('npm', 'start');
    await runTask();
    server.kill('SIGKILL');
    await waitFor(async () => (await agentProcesses()).length === 0, 20_000);
  });
});

describe.skipIf(process.platform !== 'linux')('a server whose output cannot be written', () => {
  it('serves, and ends with 0 at SIGHUP', async () => {
    const port = await freePort();
    start('sh', '-c', `PORT=${port} LOG_LEVEL=debug exec node ${program()} start >/dev/full 2>&1`);
    await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200, 30_000);
    server.kill('SIGHUP');
    expect(await server.exit).toEqual({ code: 0, signal: null });
  });
});
