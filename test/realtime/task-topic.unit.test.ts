import { expect, it, vi } from 'vitest';
import { TaskTopic } from '../../src/realtime/task-topic.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import { range } from './watched-database.ts';

const at = (revision: number) => ({ id: 'task', revision }) as Task;

it('lets go of revisions that were at hand for a while, and serves who lacks them from what is stored', async () => {
  const readRevisions = vi.fn(async (_task: Task, after: number) => range(after + 1, 9).map(at));
  const topic = new TaskTopic({ readRevisions }, () => {});
  topic.retain();
  topic.seed(at(1));
  const subscription = topic.subscribe(at(1), 0);
  for (const revision of range(2, 9)) topic.publish(at(revision));
  expect(topic.evict()).toBe(true);
  for (const revision of range(1, 5))
    expect(await subscription.next()).toMatchObject({ value: { revision } });
  expect(readRevisions).not.toHaveBeenCalled();
  expect(topic.evict()).toBe(false);
  for (const revision of range(6, 9))
    expect(await subscription.next()).toMatchObject({ value: { revision } });
  expect(readRevisions).toHaveBeenCalledExactlyOnceWith(at(1), 5);
  topic.publish(at(10));
  expect(await subscription.next()).toMatchObject({ value: { revision: 10 } });
  await subscription.return();
});
