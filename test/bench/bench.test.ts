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

interface Output {
  readonly figures: readonly { readonly name: string; readonly value: unknown; readonly floor?: unknown }[];
  readonly versions: Readonly<Record<string, string>>;
  readonly lines: readonly string[];
}

/** Runs the short form of a suite. */
async function bench(suite: string): Promise<Output> {
  const file = join(dir, `${suite}.json`);
  await using started = startProcess(['npm', 'run', '--silent', 'bench', '--', suite, '--json', file], {
    env: { GROUNDCREW_BENCH: 'short' },
  });
  const { code } = await started.exit;
  // With stderr, so that a failure says why.
  expect({ code, stderr: code === 0 ? [] : started.stderr }).toEqual({ code: 0, stderr: [] });
  const lines = started.stdout.filter((line) => line.startsWith(`${suite}: `));
  return { ...(JSON.parse(await readFile(file, 'utf8')) as Output), lines };
}

it('npm run bench -- create --json FILE writes every figure and all versions to the file', async () => {
  const { figures, versions, lines } = await bench('create');
  expect(figures.length).toBeGreaterThan(0);
  for (const figure of figures) expect(figure.value, JSON.stringify(figure)).toBeGreaterThan(0);
  expect(lines).toHaveLength(figures.length);
  expect(versions).toMatchObject({ node: expect.any(String), postgresql: expect.any(String) });
  for (const version of Object.values(versions)) expect(version).toMatch(/\d+\.\d+/);
});

it('npm run bench -- soak loads two servers and two workers, fails no operation and leaves no job locked', async () => {
  const { figures } = await bench('soak');
  const of = (name: string) => figures.find((figure) => figure.name === name)?.value;
  expect(of('operations that failed')).toBe(0);
  expect(of('locked jobs, after the load')).toBe(0);
  for (const name of ['API server 2, heap', 'worker 2, heap', 'open sockets', 'connections of PostgreSQL']) {
    expect(of(name), name).toBeGreaterThan(0);
  }
  for (const name of ['turns of agents', 'messages to subscribers', 'deliveries to a webhook']) {
    expect(of(name), name).toBeGreaterThan(0);
  }
}, 240_000);
