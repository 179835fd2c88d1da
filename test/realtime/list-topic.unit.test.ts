import { describe, expect, it, vi } from 'vitest';
import { SubscriberLaggedError } from '../../src/realtime/errors.ts';
import { ListTopic } from '../../src/realtime/list-topic.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import { range } from './watched-database.ts';

const task = (id: string, revision: number) => ({ id, revision }) as Task;

describe('a list topic', () => {
  it('gives each subscriber the newest of what he has not seen, in the order of the changes', async () => {
    const list = new ListTopic(() => {});
    const subscription = list.subscribe();
    for (const [id, revision] of [
      ['a', 1],
      ['b', 1],
      ['a', 3],
      ['a', 2],
      ['c', 1],
    ] as const)
      list.publish(task(id, revision));
    expect(await subscription.next()).toMatchObject({ value: { id: 'b', revision: 1 } });
    expect(await subscription.next()).toMatchObject({ value: { id: 'a', revision: 3 } });
    list.publish(task('c', 2));
    expect(await subscription.next()).toMatchObject({ value: { id: 'c', revision: 2 } });
  });

  it('keeps a bounded number of changes, and tells who fell behind them', async () => {
    const list = new ListTopic(() => {});
    const behind = list.subscribe();
    const busy = list.subscribe();
    // One task that changes all the time takes no room.
    for (const revision of range(1, 50_000)) list.publish(task('busy', revision));
    expect(await behind.next()).toMatchObject({ value: { revision: 50_000 } });
    expect(await busy.next()).toMatchObject({ value: { revision: 50_000 } });
    for (const n of range(1, 30_000)) list.publish(task(`task ${n}`, 1));
    await expect(behind.next()).rejects.toThrow(SubscriberLaggedError);
    expect(await behind.next()).toEqual({ done: true, value: undefined });
  });

  it('lets go of what all have taken, and shows none of it again', async () => {
    const list = new ListTopic(() => {});
    const [slow, quick] = [list.subscribe(), list.subscribe()];
    for (const n of range(1, 4)) list.publish(task(`task ${n}`, 1));
    for (const n of range(1, 4)) expect(await quick.next()).toMatchObject({ value: { id: `task ${n}` } });
    expect(await slow.next()).toMatchObject({ value: { id: 'task 1' } });
    list.evict();
    list.evict();
    list.publish(task('task 1', 1));
    list.publish(task('task 2', 2));
    for (const [n, revision] of [
      [3, 1],
      [4, 1],
      [2, 2],
    ])
      expect(await slow.next()).toMatchObject({ value: { id: `task ${n}`, revision } });
    expect(await quick.next()).toMatchObject({ value: { id: 'task 2', revision: 2 } });
  });

  it('says when the last subscriber has left', async () => {
    const onEmpty = vi.fn();
    const list = new ListTopic(onEmpty);
    const [first, second] = [list.subscribe(), list.subscribe()];
    await first.return();
    await first.return();
    expect(onEmpty).not.toHaveBeenCalled();
    await second.return();
    expect(onEmpty).toHaveBeenCalledOnce();
  });
});
