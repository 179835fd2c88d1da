import { describe, expect, it, vi } from 'vitest';
import { TaskTopic } from '../../src/realtime/task-topic.ts';
import type { Task } from '../../src/tasks/domain/task.ts';
import type { RevisionRange } from '../../src/tasks/store/task-feed.ts';
import { range } from '../support/range.ts';

const at = (revision: number) => ({ id: 'task', revision }) as Task;

/** A topic of a task whose revisions up to `stored` are in the event table; reads return three of them. */
function openTopic(options: { stored?: number } = {}) {
  const readRevisions = vi.fn(async ({ after }: RevisionRange) =>
    range(after + 1, Math.min(after + 3, options.stored ?? 0)).map(at),
  );
  const onUnused = vi.fn();
  return { readRevisions, onUnused, topic: new TaskTopic({ readRevisions, onUnused }) };
}

/** A topic with one subscriber, which has the revisions after `after` still before it. */
function openSeeded(options: { stored?: number; seed: number; after: number }) {
  const opened = openTopic(options);
  opened.topic.retain();
  opened.topic.seed(at(options.seed));
  return { ...opened, subscription: opened.topic.subscribe(at(options.seed), options.after) };
}

describe('TaskTopic', () => {
  it('gives all subscribers the same object of a revision', async () => {
    const { topic, subscription } = openSeeded({ seed: 1, after: 1 });
    topic.retain();
    const other = topic.subscribe(at(1), 1);
    const second = at(2);
    topic.publish(second);
    expect((await subscription.next()).value).toBe(second);
    expect((await other.next()).value).toBe(second);
  });

  it('wakes a subscriber that waits for the next revision', async () => {
    const { topic, subscription } = openSeeded({ seed: 1, after: 1 });
    const next = subscription.next();
    topic.publish(at(2));
    expect(await next).toMatchObject({ value: { revision: 2 } });
  });

  it('begins with the seeded revision for a subscriber that has not seen it', async () => {
    const { readRevisions, subscription } = openSeeded({ seed: 4, after: 3 });
    expect(await subscription.next()).toMatchObject({ value: { revision: 4 } });
    expect(readRevisions).not.toHaveBeenCalled();
  });

  it('reads the revisions before its backlog, page by page', async () => {
    const { readRevisions, topic, subscription } = openSeeded({ stored: 7, seed: 7, after: 0 });
    topic.publish(at(8));
    for (const revision of range(1, 8)) {
      expect(await subscription.next()).toMatchObject({ value: { revision } });
    }
    expect(readRevisions.mock.calls.map(([{ after }]) => after)).toEqual([0, 3]);
  });

  it('keeps a bounded backlog', async () => {
    const { readRevisions, topic, subscription } = openSeeded({ stored: 100, seed: 1, after: 1 });
    for (const revision of range(2, 100)) topic.publish(at(revision));
    expect(await subscription.next()).toMatchObject({ value: { revision: 2 } });
    expect(readRevisions).toHaveBeenCalledOnce();
  });

  it('fails a subscriber whose next revision was deleted with its task', async () => {
    const { onUnused, subscription } = openSeeded({ stored: 0, seed: 5, after: 0 });
    await expect(subscription.next()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(onUnused).toHaveBeenCalledOnce();
  });

  it('ignores a revision that was published before and one that leaves a gap', async () => {
    const { topic, subscription } = openSeeded({ seed: 2, after: 2 });
    const next = subscription.next();
    for (const revision of [1, 2, 4]) topic.publish(at(revision));
    topic.publish(at(3));
    expect(await next).toMatchObject({ value: { revision: 3 } });
  });

  it('has a gap from the watermark while an announced revision is not published', () => {
    const { topic } = openSeeded({ seed: 2, after: 2 });
    expect(topic.gap).toBeUndefined();
    topic.announce(4);
    topic.announce(3);
    expect(topic.gap).toEqual({ task: at(2), after: 2 });
    topic.publish(at(3));
    expect(topic.gap).toEqual({ task: at(2), after: 3 });
    topic.publish(at(4));
    expect(topic.gap).toBeUndefined();
  });

  it('ignores an announcement that is not a number', () => {
    const { topic } = openSeeded({ seed: 2, after: 2 });
    topic.announce(Number.NaN);
    topic.announce(3);
    expect(topic.gap).toMatchObject({ after: 2 });
  });

  it('keeps announcements that arrive before its task is known', () => {
    const { topic } = openTopic();
    topic.retain();
    topic.announce(3);
    expect(topic.gap).toBeUndefined();
    topic.seed(at(2));
    expect(topic.gap).toEqual({ task: at(2), after: 2 });
  });

  it('has a gap up to a later seed instead of jumping to it', () => {
    const { topic } = openSeeded({ seed: 2, after: 2 });
    topic.seed(at(5));
    expect(topic.gap).toMatchObject({ after: 2 });
  });

  it('has no gap after a false announcement was discarded', () => {
    const { topic } = openSeeded({ seed: 2, after: 2 });
    topic.announce(1000);
    topic.discardAnnouncement();
    expect(topic.gap).toBeUndefined();
    topic.announce(3);
    expect(topic.gap).toMatchObject({ after: 2 });
  });

  it('evicts what was in the backlog at the previous pass, and reads it again for slow readers', async () => {
    const { readRevisions, topic, subscription } = openSeeded({ stored: 9, seed: 1, after: 0 });
    for (const revision of range(2, 9)) topic.publish(at(revision));
    expect(topic.evict()).toBe(true);
    for (const revision of range(1, 5)) {
      expect(await subscription.next()).toMatchObject({ value: { revision } });
    }
    expect(readRevisions).not.toHaveBeenCalled();
    expect(topic.evict()).toBe(false);
    for (const revision of range(6, 9)) {
      expect(await subscription.next()).toMatchObject({ value: { revision } });
    }
    expect(readRevisions).toHaveBeenCalledExactlyOnceWith({ task: at(1), after: 5 });
    topic.publish(at(10));
    expect(await subscription.next()).toMatchObject({ value: { revision: 10 } });
  });

  it('is unused once every subscription is closed and every other retain is released', async () => {
    const { onUnused, topic, subscription } = openSeeded({ seed: 1, after: 1 });
    topic.retain();
    await subscription.return();
    await subscription.return();
    expect(onUnused).not.toHaveBeenCalled();
    topic.release();
    expect(onUnused).toHaveBeenCalledOnce();
  });
});
