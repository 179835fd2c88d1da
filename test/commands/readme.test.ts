import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingNames } from '../../src/config.ts';
import { createTestDatabase } from '../support/database.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { startProcess } from '../support/processes.ts';

const readme = await readFile('README.md', 'utf8');

describe('README.md', () => {
  it('lists the settings that src/config.ts reads, and no others', async () => {
    const table = readme.slice(readme.indexOf('## Settings'), readme.indexOf('## Agents'));
    const rows = [...table.matchAll(/^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|/gm)].flatMap(([, names = '']) =>
      [...names.matchAll(/[A-Z_]+/g)].map(([name]) => name),
    );
    expect(rows.sort()).toEqual([...settingNames].sort());
  });
});

describe('examples/watch-task.mjs', () => {
  it('prints every revision until the task is RUNNING, and ends', async () => {
    const database = await createTestDatabase();
    const dataDir = await mkdtemp(join(tmpdir(), 'groundcrew-readme-'));
    await using repository = await createGitRepository();
    const token = 'token-of-the-test';
    const server = startProcess(['node', 'src/launch.js', 'start'], {
      env: {
        DATABASE_URL: database.url,
        GROUNDCREW_DATA_DIR: dataDir,
        GROUNDCREW_TOKEN: token,
        PORT: '0',
        LOG_LEVEL: 'silent',
      },
    });
    const [, url] = await server.waitForLine(/^groundcrew ready on (.+)$/, 30_000);
    const example = startProcess(['node', 'examples/watch-task.mjs', repository.path], {
      env: { GROUNDCREW_URL: url, GROUNDCREW_TOKEN: token },
    });
    expect(await example.exit).toEqual({ code: 0, signal: null });
    expect(example.stdout.at(0)).toBe('1 INIT_ENQUEUE_PROVISION ');
    expect(example.stdout.at(-1)).toMatch(/^\d+ RUNNING $/);
    server.kill();
    await server.exit;
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  });
});
