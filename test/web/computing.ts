import type { Page } from 'playwright-core';

/** An event of Chromium's tracing; times in microseconds. `tdur`: what its thread has computed, without waiting for others. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly tdur?: number;
}

/**
 * Milliseconds that a page computes between two marks (`performance.mark`) which it sets during the action. What else the
 * machine does adds little to it, unlike to the time by a clock.
 */
export async function computingMs(
  page: Page,
  [from, to]: readonly [string, string],
  action: () => Promise<unknown>,
): Promise<number> {
  const events: TraceEvent[] = [];
  const cdp = await page.context().newCDPSession(page);
  cdp.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const complete = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve));
  const includedCategories = ['disabled-by-default-devtools.timeline', 'blink.user_timing'];
  await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories } });
  await action();
  await cdp.send('Tracing.end');
  await complete;
  await cdp.detach();
  const [start, end] = [from, to].map((name) => events.findLast((event) => event.name === name));
  if (!start || !end) throw new Error(`The trace lacks a mark: ${from} or ${to}.`);
  const tasks = events.filter(
    ({ name, pid, tid, ts, dur = 0 }) =>
      name === 'RunTask' && pid === start.pid && tid === start.tid && ts + dur > start.ts && ts < end.ts,
  );
  if (tasks.length === 0) throw new Error('The trace has no task of the page.');
  return tasks.reduce((sum, { tdur = 0 }) => sum + tdur, 0) / 1_000;
}
