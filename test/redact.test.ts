import { expect, it } from 'vitest';
import { redact } from '../src/redact.ts';
import { startProcess } from './support/processes.ts';

it.each([
  ["fatal: 'https://u:p@h/x' and ssh://git:p@h", "fatal: 'https://***@h/x' and ssh://***@h"],
  ['run --token hunter2 --port 1', 'run --token *** --port 1'],
  ['sent x-api-key hunter2', 'sent x-api-key ***'],
  ['key sk-ant-api03-hunter2 is wrong', 'key *** is wrong'],
  ['ghp_hunter2hunter2 may not', '*** may not'],
  ['unexpected token in JSON at position 4', 'unexpected token in JSON at position 4'],
  [
    'fetch https://github.com/o/r failed: no such branch',
    'fetch https://github.com/o/r failed: no such branch',
  ],
])('%j is shown as %j', (text, shown) => expect(redact(text)).toBe(shown));

it('is done to what is logged of errors, their causes and lines of providers', async () => {
  const program = `
    import { createLogger } from './src/log.ts';
    const cause = new Error('password=hunter2');
    const err = Object.assign(new Error('at https://u:hunter2@h/', { cause }), { stderr: '--token hunter2' });
    createLogger('info').info({ err, line: 'GITHUB_TOKEN=hunter2' }, 'told');
  `;
  await using started = startProcess(['node', '--input-type=module-typescript', '--eval', program]);
  expect((await started.exit).code).toBe(0);
  expect(started.stderr).toHaveLength(1);
  expect(JSON.parse(started.stderr[0] ?? '')).toMatchObject({ msg: 'told', err: { type: 'Error' } });
  expect(started.stderr[0]).not.toContain('hunter2');
});
