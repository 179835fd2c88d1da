import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { apiUrl, startGroundcrew } from '../support/groundcrew-processes.ts';
import type { StartedProcess } from '../support/processes.ts';
import { findPython } from '../support/python.ts';
import { blocksOf } from './blocks.ts';

const run = promisify(execFile);
const pages = [
  'getting-started',
  'authentication',
  'pagination',
  'idempotency',
  'subscriptions',
  'limits',
  'changes',
];

/** The output that a page shows: `…` stands for any text. */
function patternOf(shown: string): RegExp {
  const escaped = shown.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('…', '[^]*?')}$`);
}

let folder: string;
let database: TestDatabase;
let repository: GitRepository;
let server: StartedProcess;
let url: string;
const python = findPython('websockets');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'groundcrew-docs-'));
  [database, repository] = await Promise.all([createTestDatabase(), createGitRepository()]);
  // What a reader has installed.
  await mkdir(join(folder, 'node_modules'));
  for (const [name, path] of [
    ['groundcrew', '.'],
    ['graphql-ws', 'node_modules/graphql-ws'],
  ] as const) {
    await symlink(resolve(path), join(folder, 'node_modules', name));
  }
  server = startGroundcrew('start', {
    DATABASE_URL: database.url,
    GROUNDCREW_DATA_DIR: join(folder, '.groundcrew'),
    GROUNDCREW_RATE_LIMIT: undefined,
  });
  url = await apiUrl(server);
});
afterAll(async () => {
  server?.kill('SIGTERM');
  await server?.exit;
  await repository?.[Symbol.asyncDispose]();
  await database?.drop();
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
});

/** As the reader would write it. */
function here(text: string): string {
  return text
    .replaceAll('http://127.0.0.1:4000', url)
    .replaceAll('ws://127.0.0.1:4000', url.replace('http', 'ws'))
    .replaceAll('https://github.com/your/repository', repository.path)
    .replaceAll('python3 ', `${python} `);
}

describe.each(pages)('docs/%s.md', (page) => {
  it('shows commands that work, and their output', async () => {
    const [address, send] = await blocksOf('getting-started');
    const blocks = await blocksOf(page);
    const script = ['set -euo pipefail', ...(page === 'getting-started' ? [] : [address?.text, send?.text])];
    const shown: (string | undefined)[] = [];
    for (const [index, { language, text, file }] of blocks.entries()) {
      if (language !== 'sh') {
        if (file !== undefined) await writeFile(join(folder, file), here(text));
        else if (blocks[index - 1]?.language !== 'sh') throw new Error(`Nothing makes the output: ${text}`);
        continue;
      }
      if (text.includes('python3 ') && python === undefined) continue;
      script.push(text, 'echo "<end of block>"');
      const next = blocks[index + 1];
      shown.push(next && /^(json|text)$/.test(next.language) ? next.text : undefined);
    }
    const { stdout } = await run('bash', ['-c', here(script.join('\n'))], {
      cwd: folder,
      env: {
        PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
        HOME: folder,
        NODE_OPTIONS: '',
      },
      timeout: 110_000,
    });
    const outputs = stdout.split('<end of block>\n');
    expect(outputs).toHaveLength(shown.length + 1);
    for (const [index, output] of outputs.entries()) {
      const expected = shown[index];
      if (expected === undefined) expect(output.trim()).toBe('');
      else expect(output.trim()).toMatch(patternOf(expected));
    }
  });
});
