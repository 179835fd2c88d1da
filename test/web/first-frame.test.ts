import type { CDPSession } from 'playwright-core';
import { expect, it } from 'vitest';
import { hangs } from '../support/scripted-provider.ts';
import { describeInBrowser, Site, type Visit } from './browser.ts';

/** An event of Chromium's tracing; times in microseconds. `tdur`: what its thread has computed, without waiting for others. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly tdur?: number;
}

async function trace(cdp: CDPSession, action: () => Promise<unknown>): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  cdp.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const complete = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve));
  const includedCategories = ['disabled-by-default-devtools.timeline', 'blink.user_timing'];
  await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories } });
  await action();
  await cdp.send('Tracing.end');
  await complete;
  return events;
}

/** Marks when the answer of createTask has arrived, and when the first frame with the task's title has been painted. */
function markTimes(): void {
  const { fetch } = globalThis;
  globalThis.fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (String(init?.body).includes('mutation CreateTask')) performance.mark('answered');
    return response;
  };
  const observer = new MutationObserver(() => {
    if (!document.querySelector('h1')?.textContent?.startsWith('Say hello')) return;
    observer.disconnect();
    requestAnimationFrame(() =>
      setTimeout(() => {
        performance.mark('painted');
        console.log('painted');
      }),
    );
  });
  observer.observe(document, { subtree: true, childList: true });
}

describeInBrowser('the first frame of a task that was just created', () => {
  const site = Site.forTests('start');

  /** Milliseconds that the page has computed from the answer to the frame, in a profile that has compiled nothing before. */
  async function firstFrame({ page, context }: Visit): Promise<number> {
    await page.addInitScript(markTimes);
    await page.goto('/new');
    await page.getByLabel('Repository').fill(site.repository.path);
    await page.getByLabel('Prompt').fill('Say hello');
    const painted = page.waitForEvent('console', (message) => message.text() === 'painted');
    const events = await trace(await context.newCDPSession(page), async () => {
      await page.getByRole('button', { name: 'Create task' }).click();
      await painted;
    });
    const [from, to] = ['answered', 'painted'].map((name) => events.find((event) => event.name === name));
    if (!from || !to) throw new Error('The trace has no marks.');
    const tasks = events.filter(
      ({ name, pid, tid, ts, dur = 0 }) =>
        name === 'RunTask' && pid === from.pid && tid === from.tid && ts + dur > from.ts && ts < to.ts,
    );
    expect(tasks).not.toEqual([]);
    return tasks.reduce((sum, { tdur = 0 }) => sum + tdur, 0) / 1_000;
  }

  it('takes at most 60 ms of computing after the answer, at the first visit too', async () => {
    site.app.provider.on('createSandbox', hangs());
    const times: number[] = [];
    for (let visit = 0; visit < 3; visit += 1) times.push(await firstFrame(await site.visit()));
    // What else runs on the machine slows this down too, so the best of three counts.
    expect(Math.min(...times)).toBeLessThan(60);
  });
});
