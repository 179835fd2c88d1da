import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProcess } from '../support/processes.ts';

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'groundcrew-bench-test-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

it('npm run bench -- create --json FILE writes every figure and all versions to the file', async () => {
  const file = join(dir, 'figures.json');
  await using started = startProcess(['npm', 'run', '--silent', 'bench', '--', 'create', '--json', file], {
    env: { GROUNDCREW_BENCH: 'short' },
  });
  const { code } = await started.exit;
  // With stderr, so that a failure says why.
  expect({ code, stderr: code === 0 ? [] : started.stderr }).toEqual({ code: 0, stderr: [] });
  const { figures, versions } = JSON.parse(await readFile(file, 'utf8')) as {
    figures: { value: unknown }[];
    versions: Record<string, string>;
  };
  expect(figures.length).toBeGreaterThan(0);
  for (const figure of figures) expect(figure.value, JSON.stringify(figure)).toBeGreaterThan(0);
  expect(started.stdout.filter((line) => line.startsWith('create: '))).toHaveLength(figures.length);
  expect(versions).toMatchObject({ node: expect.any(String), postgresql: expect.any(String) });
  for (const version of Object.values(versions)) expect(version).toMatch(/\d+\.\d+/);
});
