import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGroundcrew, type Groundcrew } from '../../src/client/client.ts';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { apiUrl, GroundcrewProcesses, instantProvider } from '../support/groundcrew-processes.ts';
import { createRoleWithDatabase, type RoleWithDatabase } from '../support/role.ts';
import { waitFor } from '../support/wait-for.ts';

const { token } = GroundcrewProcesses;

describe('npm start, in time zones of its own', () => {
  const parts = new AsyncDisposableStack();
  let role: RoleWithDatabase;
  let repository: GitRepository;
  let url: string;
  let groundcrew: Groundcrew;
  beforeAll(async () => {
    role = parts.use(await createRoleWithDatabase());
    await role.admin(`alter role ${role.role} set timezone = 'America/St_Johns'`);
    repository = parts.use(await createGitRepository());
    const processes = parts.use(
      await GroundcrewProcesses.create({
        DATABASE_URL: role.url,
        GROUNDCREW_PROVIDERS: instantProvider,
        GROUNDCREW_RETRY_BASE_MS: '100',
        LOG_LEVEL: 'silent',
        TZ: 'Asia/Kathmandu',
      }),
    );
    url = await apiUrl(processes.start('start'));
    groundcrew = createGroundcrew({ url, token });
    parts.defer(() => groundcrew.close());
  });
  afterAll(() => parts.disposeAsync());

  const create = (repoUrl: string) => groundcrew.createTask({ repoUrl, prompt: 'Say hello' });

  it('stores and sends every instant as it is', async () => {
    const before = Date.now();
    const { id } = await create(repository.path);
    for await (const { status } of groundcrew.watchTask(id)) if (status === 'RUNNING') break;
    const task = await groundcrew.task(id);
    const instants = [
      task?.createdAt,
      task?.updatedAt,
      ...(task?.steps.map((step) => step.finishedAt) ?? []),
    ];
    expect(instants).toHaveLength(6);
    // The server's own clock is the database's; both are this machine's here.
    for (const instant of instants) {
      expect(Date.parse(String(instant))).toBeGreaterThan(before - 1_000);
      expect(Date.parse(String(instant))).toBeLessThan(Date.now() + 1_000);
    }
  });

  it('attempts a failed step again after the pause that it says', async () => {
    const { id } = await create('https://127.0.0.1:1/o/r');
    for await (const { steps } of groundcrew.watchTask(id, { afterRevision: 0 })) {
      const [step] = steps;
      if (step?.nextAttemptAt == null) continue;
      const pause = Date.parse(step.nextAttemptAt) - Date.parse(String(step.finishedAt));
      expect(pause).toBeGreaterThan(0);
      expect(pause).toBeLessThan(1_000);
      break;
    }
    // And it does.
    for await (const { steps } of groundcrew.watchTask(id)) if (Number(steps[0]?.attempt) > 1) break;
  });

  it('reads, refuses changes for now, and is not ready while the database is read-only', async () => {
    await setReadOnly(true);
    await waitFor(async () => (await ready()) === '503 The database is read-only.');
    const created = await fetchGraphql(
      url,
      token,
      'mutation { createTask(input: { repoUrl: "https://example.com/o/r", prompt: "Say hello" }) { id } }',
    );
    expect(created.errors).toEqual([
      expect.objectContaining({
        message: 'The server is temporarily unavailable. Try again in a moment.',
        extensions: { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String), retryable: true },
      }),
    ]);
    const read = await fetchGraphql(url, token, '{ tasks(first: 1) { nodes { status } } }');
    expect(read).toMatchObject({ status: 200, data: { tasks: { nodes: [{}] } } });

    await setReadOnly(false);
    await waitFor(async () => (await ready()) === '200 ready');
    const { id } = await create(repository.path);
    for await (const { status } of groundcrew.watchTask(id)) if (status === 'RUNNING') break;
  });

  async function ready(): Promise<string> {
    const response = await fetch(`${url}/readyz`);
    return `${response.status} ${(await response.text()).trim()}`;
  }

  /** As after a failover to a standby: all sessions end, and new ones are of the other kind. */
  async function setReadOnly(isReadOnly: boolean): Promise<void> {
    await role.admin(`alter role ${role.role} set default_transaction_read_only = ${isReadOnly}`);
    await role.admin(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role.role}'`);
  }
});
