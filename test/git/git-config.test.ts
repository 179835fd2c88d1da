import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { configSection, readOperatorConfig } from '../../src/git/git-config.ts';

let file: string;

beforeEach(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'groundcrew-config-')), 'config');
  vi.stubEnv('GIT_CONFIG_GLOBAL', file);
  vi.stubEnv('GIT_CONFIG_NOSYSTEM', '1');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(join(file, '..'), { recursive: true });
});

function read(key: string): string {
  return execFileSync('git', ['config', '-f', file, '-z', '--get', key], { encoding: 'utf8' });
}

describe('configSection', () => {
  it.each(['plain', ' a  b ', 'a"b', 'a\\b', 'a;b # c', 'a\nb', 'a\tb', 'ä', ''])(
    'writes the value %j so that git reads it back',
    async (value) => {
      await writeFile(file, configSection('remote', 'origin', [['url', value]]));
      expect(read('remote.origin.url')).toBe(`${value}\0`);
    },
  );

  it.each(['a"b', 'a\\b', 'a]b', 'feature/ä.b'])(
    'writes the subsection %j so that git reads it back',
    async (name) => {
      await writeFile(file, configSection('branch', name, [['remote', 'origin']]));
      expect(read(`branch.${name}.remote`)).toBe('origin\0');
    },
  );
});

describe('readOperatorConfig', () => {
  it('returns the author and the filters of the configuration', async () => {
    await writeFile(
      file,
      [
        configSection('user', null, [
          ['name', ' Ada '],
          ['email', 'ada@example.com'],
        ]),
        configSection('filter', 'a.b', [
          ['clean', 'one\ntwo'],
          ['required', 'true'],
        ]),
        '[filter "c"]\n\trequired\n',
      ].join(''),
    );
    expect(await readOperatorConfig()).toMatchObject({
      user: { name: 'Ada', email: 'ada@example.com' },
      filters: new Map([
        [
          'a.b',
          [
            ['clean', 'one\ntwo'],
            ['required', 'true'],
          ],
        ],
        ['c', [['required', 'true']]],
      ]),
    });
  });

  it('returns an author of its own when the configuration has none', async () => {
    await writeFile(file, '[user]\n\tname =\n');
    expect(await readOperatorConfig()).toMatchObject({
      user: { name: 'Groundcrew', email: 'groundcrew@localhost' },
      filters: new Map(),
    });
  });
});
