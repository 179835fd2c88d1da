import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type Logger, pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Role, startGroundcrew } from '../../src/app/start.ts';
import { createGroundcrew } from '../../src/client/client.ts';
import { loadConfig } from '../../src/config.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { instantProvider } from '../support/groundcrew-processes.ts';
import { createRoleWithDatabase } from '../support/role.ts';
import { waitFor } from '../support/wait-for.ts';

const token = 'token-of-the-test';

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'groundcrew-connections-'));
});
afterAll(() => rm(dataDir, { recursive: true }));

describe('the start of a role', () => {
  it.each([
    ['start', 5, 'npm start needs at least 6'],
    ['worker', 5, 'npm run worker needs at least 6'],
    ['api', 1, 'npm run api needs at least 2'],
  ] as const)('as %s ends at once where %i connections are allowed', async (name, limit, needs) => {
    await using role = await createRoleWithDatabase(`connection limit ${limit}`);
    await expect(start(name, role.url)).rejects.toThrow(
      `DATABASE_URL cannot be used: the role ${role.role} may have ${limit} connections, and ${needs}. ` +
        'Raise the limit with ALTER ROLE.',
    );
  });

  it('names the limit of the database', async () => {
    await using role = await createRoleWithDatabase();
    await role.admin(`alter database ${role.database} connection limit 5`);
    await expect(start('start', role.url)).rejects.toThrow(
      `the database ${role.database} may have 5 connections, and npm start needs at least 6. Raise the limit with ALTER DATABASE.`,
    );
  });

  it('is ready with the fewest connections, and gets a task RUNNING', async () => {
    await using role = await createRoleWithDatabase('connection limit 6');
    await using repository = await createGitRepository();
    const server = await start('start', role.url);
    const groundcrew = createGroundcrew({ url: server.url as string, token });
    try {
      const { id } = await groundcrew.createTask({ repoUrl: repository.path, prompt: 'Say hello' });
      for await (const { status } of groundcrew.watchTask(id)) {
        if (status === 'RUNNING') break;
        expect(status).toMatch(/^INIT_/);
      }
    } finally {
      await groundcrew.close();
      await server.stop();
    }
  });

  it('as api is ready with two connections', async () => {
    await using role = await createRoleWithDatabase('connection limit 2');
    const server = await start('api', role.url);
    const groundcrew = createGroundcrew({ url: server.url as string, token });
    await expect(groundcrew.task('task_00000000000000000000000000')).resolves.toBeNull();
    await groundcrew.close();
    await server.stop();
  });

  it('waits for connections that others have, warns of it, and goes on', async () => {
    await using role = await createRoleWithDatabase('connection limit 6');
    const others = await connect(role.url, 3);
    const { logger, warnings } = recordingLogger();
    const starting = start('start', role.url, { logger });
    // With three of six it comes as far as it can.
    await waitFor(async () => warnings.length > 0 && (await sessions(role)) === 6);
    for (const other of others) await other.end();
    await (await starting).stop();
    for (const { reason, err } of warnings) {
      expect(reason ?? err?.message).toContain(`too many connections for role "${role.role}"`);
    }
    expect(new Set(warnings.map(({ msg, session }) => `${msg} ${session}`)).size).toBe(warnings.length);
  });

  it.each([4, 5])('ends soon after a signal while others have %i of 6 connections', async (count) => {
    await using role = await createRoleWithDatabase('connection limit 6');
    const others = await connect(role.url, count);
    const { logger, warnings } = recordingLogger();
    const stopping = new AbortController();
    const starting = start('start', role.url, { logger, signal: stopping.signal });
    const ended = expect(starting).rejects.toThrow('the process is stopping');
    await waitFor(() => warnings.length > 0);
    const stopped = performance.now();
    stopping.abort(new Error('the process is stopping'));
    await ended;
    expect(performance.now() - stopped).toBeLessThan(5_000);
    for (const other of others) await other.end();
  });
});

async function connect(url: string, count: number): Promise<Client[]> {
  const clients = Array.from({ length: count }, () => new Client(url));
  for (const client of clients) await client.connect();
  return clients;
}

async function sessions({ role, admin }: Awaited<ReturnType<typeof createRoleWithDatabase>>) {
  return (await admin(`select from pg_stat_activity where usename = '${role}'`)).length;
}

function start(role: Role, url: string, options: { logger?: Logger; signal?: AbortSignal } = {}) {
  const config = loadConfig({
    DATABASE_URL: url,
    GROUNDCREW_DATA_DIR: dataDir,
    GROUNDCREW_TOKEN: token,
    GROUNDCREW_PROVIDERS: instantProvider,
    PORT: '0',
  });
  return startGroundcrew(role, config, options.logger ?? pino({ level: 'silent' }), options.signal);
}

interface Warning {
  readonly msg: string;
  readonly reason?: string;
  readonly session?: string;
  readonly err?: { readonly message: string };
}

function recordingLogger() {
  const warnings: Warning[] = [];
  const write = (line: string) => void warnings.push(JSON.parse(line));
  return { logger: pino({ level: 'warn' }, { write }), warnings };
}
