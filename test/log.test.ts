import { expect, it } from 'vitest';
import { startProcess } from './support/processes.ts';

it('redacts secrets in logged errors, in their causes and in lines that providers log', async () => {
  const program = `
    import { createLogger } from './src/log.ts';
    const cause = new Error('password=hunter2');
    const err = Object.assign(new Error('at https://u:hunter2@h/', { cause }), { stderr: '--token hunter2' });
    createLogger('info').info({ err, line: 'GITHUB_TOKEN=hunter2' }, 'logged');
  `;
  await using started = startProcess(['node', '--input-type=module-typescript', '--eval', program]);
  expect((await started.exit).code).toBe(0);
  expect(started.stderr).toHaveLength(1);
  expect(JSON.parse(started.stderr[0] ?? '')).toMatchObject({ msg: 'logged', err: { type: 'Error' } });
  expect(started.stderr[0]).not.toContain('hunter2');
});
