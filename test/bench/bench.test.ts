import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startProcess } from '../support/processes.ts';

interface Figure {
  readonly suite: string;
  readonly name: string;
  readonly value: unknown;
}

describe('npm run bench -- create soak --json FILE', () => {
  let figures: readonly Figure[];
  let versions: Readonly<Record<string, string>>;
  let lines: readonly string[];

  // The short form; both suites at once, because the program is compiled at each start.
  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'groundcrew-bench-test-'));
    const file = join(dir, 'figures.json');
    await using started = startProcess(
      ['npm', 'run', '--silent', 'bench', '--', 'create', 'soak', '--json', file],
      { env: { GROUNDCREW_BENCH: 'short' } },
    );
    const { code } = await started.exit;
    // With stderr, so that a failure says why.
    expect({ code, stderr: code === 0 ? [] : started.stderr }).toEqual({ code: 0, stderr: [] });
    ({ figures, versions } = JSON.parse(await readFile(file, 'utf8')));
    lines = started.stdout;
    await rm(dir, { recursive: true });
  }, 300_000);

  const of = (suite: string) => figures.filter((figure) => figure.suite === suite);

  it('writes every figure and all versions to the file', () => {
    for (const suite of ['create', 'soak']) {
      expect(of(suite).length).toBeGreaterThan(0);
      expect(lines.filter((line) => line.startsWith(`${suite}: `))).toHaveLength(of(suite).length);
    }
    for (const figure of of('create')) expect(figure.value, JSON.stringify(figure)).toBeGreaterThan(0);
    expect(versions).toMatchObject({ node: expect.any(String), postgresql: expect.any(String) });
    for (const version of Object.values(versions)) expect(version).toMatch(/\d+\.\d+/);
  });

  it('loads two servers and two workers, fails no operation and leaves no job locked', () => {
    const value = (name: string) => of('soak').find((figure) => figure.name === name)?.value;
    expect(value('operations that failed')).toBe(0);
    expect(value('locked jobs, after the load')).toBe(0);
    for (const name of [
      'API server 2, heap',
      'worker 2, heap',
      'open sockets',
      'connections of PostgreSQL',
    ]) {
      expect(value(name), name).toBeGreaterThan(0);
    }
    for (const name of ['turns of agents', 'messages to subscribers', 'deliveries to a webhook']) {
      expect(value(name), name).toBeGreaterThan(0);
    }
  });
});
