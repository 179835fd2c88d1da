import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { settingNames } from '../../src/config.ts';

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
