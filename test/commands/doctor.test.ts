import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { doctor } from '../../src/commands/doctor/doctor.ts';
import { prepareClusterDir } from '../../src/db/embedded/cluster-dir.ts';
import { freePort } from '../../src/free-port.ts';
import { createLogger } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { program } from '../support/groundcrew-processes.ts';
import { copyModelCluster } from '../support/model-cluster.ts';
import { startProcess } from '../support/processes.ts';

let temporary: string;
let dataDir: string;

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'groundcrew-doctor-test-'));
  await chmod(temporary, 0o755);
  dataDir = join(temporary, 'data');
});
afterEach(() => rm(temporary, { recursive: true, force: true }));

interface Report {
  readonly code: number | null;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly oks: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const environment = (env: Environment): Environment => ({
  DATABASE_URL: undefined,
  GROUNDCREW_DATA_DIR: dataDir,
  PORT: '0',
  HOME: temporary,
  ...env,
});

/** The command as a process. */
async function runDoctor(
  env: Environment = {},
  options: { args?: string[]; uid?: number } = {},
): Promise<Report> {
  const { args = [], uid } = options;
  const started = startProcess([process.execPath, program(), 'doctor', ...args], {
    ...(uid === undefined ? {} : { uid, gid: uid }),
    env: environment(env),
  });
  const { code } = await started.exit;
  expect(started.stderr).toEqual([]);
  return reportOf(code, started.stdout);
}

/** What the command does, in this process: to start one costs more than most of what it looks at. */
async function callDoctor(env: Environment = {}, given?: string): Promise<Report> {
  for (const [name, value] of Object.entries(environment(env))) vi.stubEnv(name, value);
  const output = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const errors = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const code = await doctor(given);
    expect(errors.mock.calls).toEqual([]);
    return reportOf(code, output.mock.calls.join('').split('\n'));
  } finally {
    output.mockRestore();
    errors.mockRestore();
    vi.unstubAllEnvs();
  }
}

function reportOf(code: number | null, lines: readonly string[]): Report {
  const withLevel = (level: string) =>
    lines.flatMap((line) => new RegExp(`^ {2}${level} +(.*)$`).exec(line)?.[1] ?? []);
  return { code, problems: withLevel('problem'), warnings: withLevel('warning'), oks: withLevel('ok') };
}

describe('doctor', { timeout: 60_000 }, () => {
  it('ends with 0 and changes nothing where all is well', async () => {
    const report = await runDoctor({ GROUNDCREW_LOCAL_REPOS: 'allow' });
    expect(report).toMatchObject({ code: 0, problems: [] });
    expect(report.oks).toContain(`The data folder ${dataDir} will be made.`);
    expect(report.oks).toContain('The default agent demo is installed.');
    expect(await readdir(temporary)).toEqual([]);
  });

  it('names each setting that is wrong, and those that do not exist', async () => {
    const report = await callDoctor({ PORT: 'many', LOG_LEVEL: 'loud', GROUNDCREW_CONCURENCY: '3' });
    expect(report.code).toBe(1);
    expect(report.problems).toEqual([
      expect.stringMatching(/^PORT must be a whole number/),
      expect.stringMatching(/^LOG_LEVEL must be one of/),
    ]);
    expect(report.warnings).toContainEqual(expect.stringMatching(/^GROUNDCREW_CONCURENCY is not a setting/));
  });

  it('reports a data folder that cannot be written', async () => {
    const folder = join(temporary, 'closed');
    await mkdir(folder, { mode: 0o500 });
    // Root may write everywhere.
    const uid = process.getuid?.() === 0 ? 65_534 : undefined;
    const report = await runDoctor(
      { GROUNDCREW_DATA_DIR: join(folder, 'data') },
      uid === undefined ? {} : { uid },
    );
    expect(report.code).toBe(1);
    expect(report.problems).toContainEqual(
      expect.stringMatching(`${folder} is not open to this user. Set GROUNDCREW_DATA_DIR`),
    );
  });

  it.skipIf(process.getuid?.() !== 0)('reports a user without an entry and without a home', async () => {
    await chown(temporary, 912_345, 912_345);
    const report = await runDoctor({ HOME: undefined }, { uid: 912_345 });
    expect(report.problems[0]).toBe(
      'User 912345 has no entry in /etc/passwd, and HOME is not set. Set HOME to a folder.',
    );
  });

  it('reports that git is missing', async () => {
    const bin = join(temporary, 'bin');
    await mkdir(bin);
    await symlink('/bin/sh', join(bin, 'sh'));
    const report = await callDoctor({ PATH: bin });
    expect(report.code).toBe(1);
    expect(report.problems).toEqual([expect.stringMatching(/^Git cannot be run: .*Install git/)]);
  });

  it('reports each problem when there are many', async () => {
    await writeFile(dataDir, '');
    await writeFile(join(temporary, '.gitconfig'), '[credential]\n\thelper = "!f() { sleep 60; }; f"\n');
    const taken = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const repository = join(temporary, 'missing');
    const report = await runDoctor(
      {
        GROUNDCREW_DATA_DIR: join(dataDir, 'below'),
        GROUNDCREW_AGENT: 'amp',
        PORT: String(port),
        HTTPS_PROXY: 'http://',
        https_proxy: undefined,
        NODE_EXTRA_CA_CERTS: undefined,
        SSL_CERT_FILE: join(temporary, 'missing.pem'),
      },
      { args: [repository] },
    );
    taken.close();
    expect(report.code).toBe(1);
    const problems = [
      `^${dataDir} is not a folder`,
      `^PORT ${port} is taken by another program`,
      '^The credential helper .* waits for a person',
      `^The repository ${repository} cannot be read`,
      '^The default agent amp is not installed',
      '^HTTPS_PROXY is not the address of a proxy',
      '^SSL_CERT_FILE cannot be read',
    ];
    for (const problem of problems) {
      expect(report.problems).toContainEqual(expect.stringMatching(problem));
    }
    expect(report.problems).toHaveLength(problems.length);
  });

  it('warns of what may go wrong, beside one problem and what is right', async () => {
    await using repository = await createGitRepository();
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'token'), 'token-of-the-test\n', { mode: 0o644 });
    const bin = join(temporary, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'amp'), '#!/bin/sh\n', { mode: 0o755 });
    await writeFile(join(bin, 'amp-acp'), '#!/bin/sh\n', { mode: 0o755 });
    const report = await callDoctor(
      {
        GROUNDCREW_AGENT: 'amp',
        GROUNDCREW_LOCAL_REPOS: 'allow',
        HOST: '192.0.2.1',
        PATH: `${bin}:${process.env.PATH}`,
        XDG_CONFIG_HOME: temporary,
      },
      repository.path,
    );
    expect(report.code).toBe(1);
    expect(report.problems).toEqual([expect.stringMatching(/^HOST 192\.0\.2\.1 cannot be used/)]);
    const warnings = [
      `chmod 600 ${join(dataDir, 'token')}`,
      '^Git does not know your name',
      ...(existsSync('/etc/ssh/ssh_known_hosts') ? [] : ['^ssh knows the key of no host']),
    ];
    for (const warning of warnings) {
      expect(report.warnings).toContainEqual(expect.stringMatching(warning));
    }
    expect(report.oks).toContain('The default agent amp is installed.');
    expect(report.oks).toContain(`The repository ${repository.path} can be read: 1 branches.`);
  });
});

describe('doctor, of the database', { timeout: 60_000 }, () => {
  let database: TestDatabase;
  const withDatabase = (env: Record<string, string> = {}) =>
    callDoctor({ DATABASE_URL: database.url, ...env });
  const name = () => new URL(database.url).pathname.slice(1);

  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(() => database.drop());

  async function sql(text: string): Promise<void> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    await client.query(text);
    await client.end();
  }

  async function createRole(options = ''): Promise<AsyncDisposable & { url: string }> {
    const url = new URL(database.url);
    url.username = `doctor_${name()}`;
    url.password = 'secret';
    await sql(`create role ${url.username} login password 'secret' ${options}`);
    return { url: url.href, [Symbol.asyncDispose]: () => sql(`drop role ${url.username}`) };
  }

  it('finds a database that is up to date, keeps sessions and delivers notifications', async () => {
    const report = await withDatabase();
    expect(report).toMatchObject({ code: 0, problems: [] });
    expect(report.oks).toContain('The database is up to date.');
    expect(report.oks).toContain('Each connection keeps its session.');
    expect(report.oks).toContainEqual(expect.stringMatching(/^A notification arrives after \d+ ms/));
  });

  it('reports a server that does not listen', async () => {
    const url = new URL(database.url);
    url.port = String(await freePort());
    const report = await withDatabase({ DATABASE_URL: url.href });
    expect(report.code).toBe(1);
    expect(report.problems).toEqual([expect.stringMatching(/ECONNREFUSED.*Check DATABASE_URL/)]);
  });

  it('reports a database that does not exist', async () => {
    const url = new URL(database.url);
    url.pathname += '_missing';
    const report = await withDatabase({ DATABASE_URL: url.href });
    expect(report.code).toBe(1);
    expect(report.problems).toEqual([expect.stringMatching(/does not exist.*Check DATABASE_URL/)]);
  });

  it('reports the migrations of a newer version', async () => {
    await sql(`insert into groundcrew_migration (name) values ('migration-999-later')`);
    const report = await withDatabase();
    expect(report.code).toBe(1);
    expect(report.problems).toEqual([expect.stringMatching(/newer version.*migration-999-later/)]);
  });

  it("reports another program's tables in the schema", async () => {
    await sql('drop table groundcrew_migration');
    const report = await withDatabase();
    expect(report.problems).toEqual([expect.stringMatching(/^The schema has a table named task/)]);
  });

  it('reports a database that is read-only, and warns of commits that do not wait for the disk', async () => {
    await sql(`alter database ${name()} set synchronous_commit = off`);
    await sql(`alter database ${name()} set default_transaction_read_only = on`);
    const report = await withDatabase();
    expect(report.problems).toContainEqual(expect.stringMatching(/^The database is read-only/));
    expect(report.warnings).toContainEqual(expect.stringMatching(/synchronous_commit = off/));
  });

  it('reports a role that may create nothing and has too few connections', async () => {
    await using role = await createRole('connection limit 3');
    const report = await withDatabase({ DATABASE_URL: role.url });
    expect(report.code).toBe(1);
    expect(report.problems).toContainEqual(expect.stringMatching(/may not (create|use)/));
    expect(report.problems).toContainEqual(expect.stringMatching(/^The role \w+ has room for 3 connections/));
  });

  it('starts an embedded database that was made before, and leaves nothing running', async () => {
    const { path } = await prepareClusterDir(dataDir, createLogger('silent'));
    await copyModelCluster(inject('modelCluster'), path);
    const report = await runDoctor();
    expect(report).toMatchObject({ code: 0, problems: [] });
    expect(report.oks).toContain(`The embedded PostgreSQL in ${join(dataDir, 'postgres')} starts.`);
    expect(report.oks).toContain('The database is up to date.');
  });
});
