import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { failure } from '../tasks/domain/machine-states.ts';
import { describeInBrowser, Site } from './browser.ts';

const hourMs = 3_600_000;
const step = (page: Page) => page.getByRole('list', { name: 'Provisioning' }).getByRole('listitem').first();
/** The seconds of "next attempt in 1 min 5 s". */
const secondsIn = (text: string | null): number => {
  const [, minutes = '0', seconds = ''] = /(?:(\d+) min )?(\d+) s$/.exec(text ?? '') ?? [];
  return Number(minutes) * 60 + Number(seconds);
};

describeInBrowser('the times of a step', () => {
  const site = Site.forTests('api');
  const startStep = (id: string) =>
    site.app.stored.change(id, { type: 'stepStarted', step: 'ensure_name', timeoutMs: 90_000 });

  it('count down to the next attempt of a step that has failed, and say what went wrong', async () => {
    const { id } = await site.app.stored.create();
    await startStep(id);
    const error = failure('ensure_name');
    await site.app.stored.change(id, { type: 'stepFailed', step: 'ensure_name', error, retryMs: 90_000 });
    const { page } = await site.visitAnew();
    await page.clock.install();
    await page.goto(`/tasks/${id}`);
    await step(page).getByText('Failed').waitFor();
    await step(page).getByText(error.message).waitFor();
    const countdown = step(page).getByText(/next attempt in \d/);
    const before = secondsIn(await countdown.textContent());
    expect(before).toBeGreaterThan(30);
    expect(before).toBeLessThanOrEqual(90);
    await page.clock.fastForward(20_000);
    await waitFor(async () => secondsIn(await countdown.textContent()) <= before - 20);
    await page.clock.fastForward(90_000);
    await step(page).getByText('next attempt in a moment').waitFor();
  });

  it.each([
    ['behind', -hourMs],
    ['ahead', hourMs],
  ])('are right when the clock of the browser is an hour %s', async (_where, wrongMs) => {
    const { id } = await site.app.stored.create();
    await startStep(id);
    const { page } = await site.visit();
    await using _script = await page.addInitScript((ms) => {
      const { now } = Date;
      Date.now = () => now() + ms;
    }, wrongMs);
    await page.goto(`/tasks/${id}`);
    const deadline = secondsIn(
      await step(page)
        .getByText(/times out in/)
        .textContent(),
    );
    expect(deadline).toBeGreaterThan(30);
    expect(deadline).toBeLessThanOrEqual(91);
    expect(secondsIn(await step(page).getByRole('timer').first().textContent())).toBeLessThan(60);
    await page.getByLabel('Details').getByText('just now').waitFor();
  });
});
