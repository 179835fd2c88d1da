import { mkdtempDisposable, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { waitFor } from '../support/wait-for.ts';

/** More than the workers have slots together, so that each worker takes one. */
const taskCount = 3;

/** The commands of all processes that run in a sandbox below one of the folders. */
async function processesIn(folders: readonly string[]): Promise<string[]> {
  const read = (pid: string, name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    pids.map(async (pid) => {
      const environment = (await read(pid, 'environ')).split('\0');
      const isIn = folders.some((folder) => environment.some((entry) => entry.startsWith(`HOME=${folder}/`)));
      return isIn ? read(pid, 'cmdline') : '';
    }),
  );
  return commands.filter((command) => command !== '');
}

it('two workers with data folders of their own leave nothing of tasks that are canceled', async () => {
  const database = await createTestDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    await using repository = await createGitRepository();
    await using parent = await mkdtempDisposable(join(tmpdir(), 'groundcrew-locations-'));
    await using processes = await GroundcrewProcesses.create({
      DATABASE_URL: database.url,
      GROUNDCREW_RETRY_BASE_MS: '100',
    });
    const folders = ['a', 'b'].map((name) => join(parent.path, name));
    const start = (folder: string | undefined) =>
      processes.startWorker({ GROUNDCREW_DATA_DIR: folder, GROUNDCREW_CONCURRENCY: '1' });
    const api = await processes.startApi();
    const workers = await Promise.all(folders.map(start));
    const ask = async <T>(query: string, variables: Readonly<Record<string, unknown>>): Promise<T> => {
      const { data, errors } = await fetchGraphql(api.url, GroundcrewProcesses.token, query, variables);
      if (!data) throw new Error(JSON.stringify(errors));
      return data as T;
    };
    const status = async (id: string) => {
      const query = 'query ($id: ID!) { task(id: $id) { status sessions { status } } }';
      const { task } = await ask<{ task: { status: string; sessions: { status: string }[] } }>(query, { id });
      return task;
    };

    const ids: string[] = [];
    while (ids.length < taskCount) {
      const input = { repoUrl: repository.path, prompt: 'Say hello' };
      const create = 'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id } }';
      ids.push((await ask<{ createTask: { id: string } }>(create, { input })).createTask.id);
    }
    for (const id of ids) await waitFor(async () => (await status(id)).status === 'RUNNING', 120_000);
    const made = await Promise.all(folders.map((folder) => readdir(join(folder, 'sandboxes'))));
    expect(made.flat()).toHaveLength(taskCount);
    expect(made.map((names) => names.length > 0)).toEqual([true, true]);

    // Sessions that are added later run where the sandbox is.
    for (const id of ids) {
      const add = 'mutation ($input: CreateSessionInput!) { createSession(input: $input) { id } }';
      await ask(add, { input: { taskId: id, prompt: 'More' } });
    }
    for (const id of ids) {
      await waitFor(
        async () => (await status(id)).sessions.every((each) => each.status === 'READY'),
        120_000,
      );
    }

    // While the worker of a folder is away, its sandboxes are not said to be released.
    workers[0]?.kill('SIGTERM');
    await workers[0]?.exit;
    for (const id of ids) await ask('mutation ($id: ID!) { cancelTask(id: $id) { id } }', { id });
    await waitFor(async () => (await readdir(join(folders[1] ?? '', 'sandboxes'))).length === 0, 120_000);
    const states = async () => {
      const { rows } = await client.query<{ state: string }>('select state from sandbox');
      return rows.map(({ state }) => state);
    };
    const isReleasing = (state: string) => state === 'releasing';
    await waitFor(async () => (await states()).filter(isReleasing).length === made[0]?.length, 30_000);
    expect(await readdir(join(folders[0] ?? '', 'sandboxes'))).toHaveLength(made[0]?.length ?? 0);

    await start(folders[0]);
    await waitFor(async () => (await states()).every((state) => state === 'released'), 120_000);
    expect(await Promise.all(folders.map((folder) => readdir(join(folder, 'sandboxes'))))).toEqual([[], []]);
    expect(await processesIn(folders)).toEqual([]);
  } finally {
    await client.end();
    await database.drop();
  }
}, 300_000);
