import { describe, expect, it } from 'vitest';
import type { Task } from '../../src/tasks/domain/task.ts';
import { settledName } from '../../src/tasks/settle-name.ts';
import { created } from './domain/machine-states.ts';

describe('the names for the branch of a task', () => {
  const task = {
    id: 'task_01jd0000000000000000000000',
    prompt: 'Fix it',
    state: { ...created, title: null, branchName: null },
  } as unknown as Task;
  const names = (...remoteBranches: string[]) => settledName(task, new Set(remoteBranches)).branchCandidates;

  it.each([
    ['no branch', [], ['groundcrew/fix-it', 'groundcrew/fix-it-2', 'groundcrew/fix-it-3']],
    ['other names', ['main', 'groundcrew/fix-its', 'groundcrew/fix', 'fix-it'], ['groundcrew/fix-it']],
    ['the name', ['groundcrew/fix-it'], ['groundcrew/fix-it-2', 'groundcrew/fix-it-3']],
    ['one with a number', ['groundcrew/fix-it-2'], ['groundcrew/fix-it', 'groundcrew/fix-it-3']],
    [
      'a branch below',
      ['groundcrew/fix-it/part', 'groundcrew/fix-it-3/part'],
      ['groundcrew/fix-it-2', 'groundcrew/fix-it-4'],
    ],
    ['a branch above', ['groundcrew'], ['groundcrew-fix-it-01jd0000000000000000000000']],
  ])('that the repository leaves free with %s', (_, remoteBranches, first) => {
    const all = names(...remoteBranches) ?? [];
    expect(all.slice(0, first.length)).toEqual(first);
    expect(all.at(-1)).toBe('groundcrew-fix-it-01jd0000000000000000000000');
  });
});
