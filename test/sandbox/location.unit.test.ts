import { cp, mkdir, mkdtempDisposable, realpath, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLocation } from '../../src/sandbox/local/location.ts';

async function makeFolder() {
  return await mkdtempDisposable(join(await realpath(tmpdir()), 'groundcrew-location-'));
}

describe('readLocation', () => {
  it('returns one id to all calls that make it at the same time', async () => {
    await using folder = await makeFolder();
    const ids = await Promise.all(Array.from({ length: 20 }, () => readLocation(folder.path)));
    expect(new Set(ids).size).toBe(1);
  });

  it('returns different ids for different folders', async () => {
    await using one = await makeFolder();
    await using other = await makeFolder();
    expect(await readLocation(one.path)).not.toBe(await readLocation(other.path));
  });

  it('returns the same id after the folder was moved, twice', async () => {
    await using parent = await makeFolder();
    const [first = '', second = '', third = ''] = ['1', '2', '3'].map((name) => join(parent.path, name));
    await mkdir(first);
    const id = await readLocation(first);
    await rename(first, second);
    expect(await readLocation(second)).toBe(id);
    await rename(second, third);
    expect(await readLocation(third)).toBe(id);
  });

  it('returns another id for a copy, to all calls, and the same for the original', async () => {
    await using parent = await makeFolder();
    await using original = await makeFolder();
    const id = await readLocation(original.path);
    const copy = join(parent.path, 'copy');
    await cp(original.path, copy, { recursive: true });
    const ids = new Set(await Promise.all(Array.from({ length: 5 }, () => readLocation(copy))));
    expect(ids.size).toBe(1);
    expect(ids).not.toContain(id);
    expect(ids).toContain(await readLocation(copy));
    expect(await readLocation(original.path)).toBe(id);
  });
});
