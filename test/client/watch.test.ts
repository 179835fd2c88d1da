import { describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { refused, revision, serve, taskId } from './served-client.ts';

const done = { done: true, value: undefined };

describe('a watch', () => {
  it('serves concurrent calls of next in their order', async () => {
    await using served = await serve([revision(1), revision(2), { type: 'complete' }]);
    const watch = served.groundcrew.watchTask(taskId, { afterRevision: 0 });
    const results = await Promise.all([watch.next(), watch.next(), watch.next()]);
    expect(results).toMatchObject([{ value: { revision: 1 } }, { value: { revision: 2 } }, done]);
  });

  it('returns the revisions that arrived before an error, then throws it once', async () => {
    await using served = await serve([revision(1), refused('NOT_FOUND')]);
    const watch = served.groundcrew.watchTask(taskId, { afterRevision: 0 });
    expect(await watch.next()).toMatchObject({ value: { revision: 1 } });
    await expect(watch.next()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await watch.next()).toEqual(done);
  });

  it('drops the revisions that wait when its loop is left', async () => {
    await using served = await serve([revision(1), revision(2)]);
    const watch = served.groundcrew.watchTask(taskId, { afterRevision: 0 });
    for await (const task of watch) if (task.revision === 1) break;
    expect(await watch.next()).toEqual(done);
  });

  it('ends a pending next when its signal aborts', async () => {
    await using served = await serve([]);
    const controller = new AbortController();
    const next = served.groundcrew.watchTask(taskId, { signal: controller.signal }).next();
    await waitFor(() => served.server.subscribed.length === 1);
    controller.abort();
    expect(await next).toEqual(done);
  });

  it('ends at once when its signal has aborted before', async () => {
    await using served = await serve([revision(1)]);
    const watch = served.groundcrew.watchTask(taskId, { signal: AbortSignal.abort() });
    expect(await watch.next()).toEqual(done);
  });
});

describe('whenReady', () => {
  it('rejects with the reason of its signal', async () => {
    await using served = await serve([]);
    const controller = new AbortController();
    const ready = served.groundcrew.whenReady(taskId, { signal: controller.signal });
    await waitFor(() => served.server.subscribed.length === 1);
    const reason = new Error('the user left');
    controller.abort(reason);
    await expect(ready).rejects.toBe(reason);
  });
});
