import { expect, it } from 'vitest';
import { hangs } from '../support/scripted-provider.ts';
import { describeInBrowser, Site, type Visit } from './browser.ts';
import { computingMs } from './computing.ts';

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

  /** In a profile that has compiled nothing before. */
  async function firstFrame({ page }: Visit): Promise<number> {
    await page.addInitScript(markTimes);
    await page.goto('/new');
    await page.getByLabel('Repository').fill(site.repository.path);
    await page.getByLabel('Prompt').fill('Say hello');
    const painted = page.waitForEvent('console', (message) => message.text() === 'painted');
    return computingMs(page, ['answered', 'painted'], async () => {
      await page.getByRole('button', { name: 'Create task' }).click();
      await painted;
    });
  }

  it('takes at most 60 ms of computing after the answer, at the first visit too', async () => {
    site.app.provider.on('createSandbox', hangs());
    // What else runs on the machine slows this down too, so the best of three counts.
    let best = Number.POSITIVE_INFINITY;
    for (let visit = 0; visit < 3 && best >= 60; visit += 1)
      best = Math.min(best, await firstFrame(await site.visitAnew({ reducedMotion: 'no-preference' })));
    expect(best).toBeLessThan(60);
  });
});
