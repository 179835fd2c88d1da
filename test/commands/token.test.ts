import { expect, test } from 'vitest';
import { program } from '../support/groundcrew-processes.ts';
import { startProcess } from '../support/processes.ts';
import { StoredTasks } from '../support/stored-tasks.ts';

test('npm run token makes, lists and revokes a token, and npm run audit prints who did it', async () => {
  await using tasks = await StoredTasks.create();
  const env = { DATABASE_URL: tasks.url, LOG_LEVEL: 'fatal' };
  const run = async (...args: string[]) => {
    const command = startProcess(['node', program(), ...args], { env });
    const { code } = await command.exit;
    return { code, out: command.stdout, err: command.stderr };
  };
  const made = await run('token', 'create', '--name', 'ci', '--scope', 'TASKS_WRITE', '--expires', '30d');
  expect(made).toMatchObject({ code: 0, out: [expect.stringMatching(/^gc_[0-9A-Za-z]{49}$/)] });
  const listed = await run('token', 'list');
  expect(listed.out).toEqual([
    expect.stringMatching(/^token_\w+\tgc_\w{5}\tci\tTASKS_WRITE\tworkspace_\w+\texpires 2/),
  ]);
  const id = listed.out[0]?.split('\t')[0] as string;
  expect((await run('token', 'revoke', id)).out).toEqual([expect.stringContaining('\trevoked 2')]);

  const audit = (await run('audit')).out.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(audit).toMatchObject([
    {
      actor: 'owner',
      action: 'token.created',
      objectId: id,
      details: { name: 'ci', scopes: ['TASKS_WRITE'] },
    },
    { actor: 'owner', action: 'token.revoked', objectId: id },
  ]);
  await expect(tasks.sql('delete from audit_event')).rejects.toThrow('can only be added to');
  await expect(tasks.sql('truncate audit_event')).rejects.toThrow('can only be added to');

  expect(await run('token', 'create', '--name', 'ci', '--scope', 'ROOT')).toMatchObject({
    code: 1,
    err: ['groundcrew: scopes must be TASKS_READ, TASKS_WRITE or ADMIN.'],
  });
});
