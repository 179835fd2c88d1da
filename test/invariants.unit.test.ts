import { existsSync, globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

// The table "Invariants" of ARCHITECTURE.md and the ids in the titles of the tests must say the same.

const root = resolve(import.meta.dirname, '..');
const read = (file: string) => readFileSync(resolve(root, file), 'utf8');
const filesIn = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, file]) => file as string);

const row = /^\| (I\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$/gm;
const invariants = [...read('ARCHITECTURE.md').matchAll(row)].map(([, id, enforcement = '', tests = '']) => ({
  id: id as string,
  enforcement: filesIn(enforcement),
  tests: filesIn(tests),
}));

/** `ID FILE` for each id that begins a title in a test file. */
const titled = new Set(
  globSync('test/**/*.test.ts', { cwd: root }).flatMap((file) =>
    [...read(file).matchAll(/['"`](I\d+) \w/g)].map(([, id]) => `${id} ${file}`),
  ),
);

it('ARCHITECTURE.md gives each invariant an id of its own, in order', () => {
  expect(invariants.length).toBeGreaterThan(0);
  expect(invariants.map(({ id }) => id)).toEqual(invariants.map((_, index) => `I${index + 1}`));
});

it.each(invariants)('ARCHITECTURE.md names existing files that enforce $id', ({ enforcement }) => {
  expect(enforcement).not.toEqual([]);
  expect(enforcement.filter((file) => !existsSync(resolve(root, file)))).toEqual([]);
});

it('the tests that ARCHITECTURE.md names have the ids in their titles, and no other test has one', () => {
  const named = invariants.flatMap(({ id, tests }) => tests.map((file) => `${id} ${file}`));
  expect(invariants.filter(({ tests }) => tests.length === 0)).toEqual([]);
  expect([...titled].sort()).toEqual([...named].sort());
});
