import { describe, expect, it, vi } from 'vitest';
import { SubscriberLaggedError } from '../../src/realtime/errors.ts';
import { ListTopic } from '../../src/realtime/list-topic.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import { range } from '../support/range.ts';

const task = (id: string, revision: number) => ({ id, revision }) as Task;

function openTopic() {
  const onUnused = vi.fn();
  const topic = new ListTopic(onUnused);
  const publish = (...revisions: [id: string, revision: number][]) => {
    for (const [id, revision] of revisions) topic.publish(task(id, revision));
  };
  return { topic, onUnused, publish };
}

describe('ListTopic', () => {
  it('gives a subscriber the newest revision of each task, in the order of the changes', async () => {
    const { topic, publish } = openTopic();
    const subscription = topic.subscribe();
    publish(['a', 1], ['b', 1], ['a', 3], ['c', 1]);
    expect(await subscription.next()).toMatchObject({ value: { id: 'b', revision: 1 } });
    expect(await subscription.next()).toMatchObject({ value: { id: 'a', revision: 3 } });
    publish(['c', 2]);
    expect(await subscription.next()).toMatchObject({ value: { id: 'c', revision: 2 } });
  });

  it('wakes a subscriber that waits for a change', async () => {
    const { topic, publish } = openTopic();
    const next = topic.subscribe().next();
    publish(['a', 1]);
    expect(await next).toMatchObject({ value: { id: 'a', revision: 1 } });
  });

  it('ignores a revision that is not newer than the last published one of its task', async () => {
    const { topic, publish } = openTopic();
    publish(['a', 3]);
    const subscription = topic.subscribe();
    expect(topic.isNewer('a', 3)).toBe(false);
    expect(topic.isNewer('a', 4)).toBe(true);
    publish(['a', 3], ['a', 2], ['b', 1]);
    expect(await subscription.next()).toMatchObject({ value: { id: 'b', revision: 1 } });
  });

  it('needs no room for revisions that a later one replaced', async () => {
    const { topic, publish } = openTopic();
    const subscription = topic.subscribe();
    for (const revision of range(1, 50_000)) publish(['busy', revision]);
    expect(await subscription.next()).toMatchObject({ value: { revision: 50_000 } });
  });

  it('fails a subscriber whose next change was evicted with SubscriberLaggedError', async () => {
    const { topic, publish } = openTopic();
    const subscription = topic.subscribe();
    for (const n of range(1, 30_000)) publish([`task ${n}`, 1]);
    await expect(subscription.next()).rejects.toThrow(SubscriberLaggedError);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  it('keeps the changes that one subscriber has not taken when it evicts the others', async () => {
    const { topic, publish } = openTopic();
    const [slow, quick] = [topic.subscribe(), topic.subscribe()];
    for (const n of range(1, 4)) publish([`task ${n}`, 1]);
    for (const n of range(1, 4)) expect(await quick.next()).toMatchObject({ value: { id: `task ${n}` } });
    expect(await slow.next()).toMatchObject({ value: { id: 'task 1' } });
    topic.evict();
    topic.evict();
    publish(['task 2', 2]);
    for (const [id, revision] of [
      ['task 3', 1],
      ['task 4', 1],
      ['task 2', 2],
    ]) {
      expect(await slow.next()).toMatchObject({ value: { id, revision } });
    }
    expect(await quick.next()).toMatchObject({ value: { id: 'task 2', revision: 2 } });
  });

  it('does not publish an evicted revision again', async () => {
    const { topic, publish } = openTopic();
    const subscription = topic.subscribe();
    publish(['a', 1]);
    await subscription.next();
    topic.evict();
    publish(['a', 1], ['b', 1]);
    expect(await subscription.next()).toMatchObject({ value: { id: 'b' } });
  });

  it('is unused once the last subscription is closed', async () => {
    const { topic, onUnused } = openTopic();
    const [first, second] = [topic.subscribe(), topic.subscribe()];
    await first.return();
    await first.return();
    expect(onUnused).not.toHaveBeenCalled();
    await second.return();
    expect(onUnused).toHaveBeenCalledOnce();
  });
});
