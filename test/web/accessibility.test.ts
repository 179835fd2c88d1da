import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { describeInBrowser, Site, type View } from './browser.ts';

/** What axe finds wrong, in a form that a failed test can show. */
async function violations(page: Page): Promise<string[]> {
  // Not a script tag: the page's Content-Security-Policy forbids it.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ['violations'] }),
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** Pixels of the document that only scrolling to the right shows. */
const overflow = (page: Page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return Math.max(0, scrollWidth - clientWidth);
  });

/** Controls that nobody can click: outside of the window, or under something else, once scrolled to. */
const unreachable = (page: Page) =>
  page.evaluate(() => {
    const dialog = document.querySelector('[role="dialog"], [role="alertdialog"]');
    const controls = (dialog ?? document).querySelectorAll<HTMLElement>(
      'a[href]:not([href="#main"]), button, input, select, textarea, summary, [role="tab"]',
    );
    return [...controls]
      .filter((control) => control.checkVisibility() && control.offsetWidth > 1)
      .filter((control) => {
        control.scrollIntoView({ block: 'center', behavior: 'instant' });
        const { left, top, width, height } = control.getBoundingClientRect();
        const hit = document.elementFromPoint(left + width / 2, top + height / 2);
        return left < 0 || left + width > innerWidth || !hit || !control.contains(hit);
      })
      .map(({ outerHTML }) => outerHTML.slice(0, 200));
  });

describeInBrowser('the page', () => {
  const site = Site.forTests('api');

  /** Shows each state of the page and calls `check` at it. */
  async function forEachState(
    view: View,
    check: (page: Page, state: string) => Promise<void>,
  ): Promise<void> {
    const { page } = await site.visit({ reducedMotion: 'reduce', ...view });
    const history = page.getByRole('list', { name: 'History' }).getByRole('listitem');
    const ids: Record<string, string> = {};
    for (const status of ['init_create_sandbox', 'running', 'error', 'canceled'] as const)
      ids[status] = await site.app.createIn(status);

    await page.goto('/');
    await page.getByRole('list', { name: 'Tasks' }).getByRole('listitem').nth(3).waitFor();
    await check(page, 'the list');
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await check(page, 'the keys');
    await page.goto('/?q=nowhere-to-be-found');
    await page.getByRole('heading', { name: 'No task matches.' }).waitFor();
    await check(page, 'the empty list');

    await page.goto('/new');
    await page.getByText('More settings').click();
    await check(page, 'the form');
    await page.getByLabel('Repository').fill('no repository');
    await page.getByLabel('Prompt').fill('Say hello');
    await page.getByRole('button', { name: 'Create task' }).click();
    await page.locator('[aria-invalid=true]').waitFor();
    await check(page, 'the form with an error');
    await page.getByLabel('Repository').fill('');

    for (const [status, id] of Object.entries(ids)) {
      await page.goto(`/tasks/${id}`);
      await history.first().waitFor();
      await check(page, `a task: ${status}`);
    }
    await page.goto(`/tasks/${ids.running}`);
    await page.getByRole('button', { name: 'Archive' }).click();
    await page.getByRole('alertdialog').waitFor();
    await check(page, 'the question before a task is archived');

    const signedOut = await site.visitSignedOut({ reducedMotion: 'reduce', ...view });
    await signedOut.page.goto('/login');
    await signedOut.page.getByLabel('API token').fill('wrong');
    await signedOut.page.getByRole('button', { name: 'Sign in' }).click();
    await signedOut.page.getByText('This token is not valid.').waitFor();
    await check(signedOut.page, 'the login');
  }

  it.each([
    ['on a light phone', { colorScheme: 'light', viewport: { width: 360, height: 640 }, hasTouch: true }],
    ['on a dark phone', { colorScheme: 'dark', viewport: { width: 360, height: 640 }, hasTouch: true }],
    ['on a light screen', { colorScheme: 'light', viewport: { width: 1200, height: 800 } }],
    ['on a dark screen', { colorScheme: 'dark', viewport: { width: 1200, height: 800 } }],
    // A browser makes this of 1280 × 720.
    ['at a zoom of 200 %', { viewport: { width: 640, height: 360 }, deviceScaleFactor: 2 }],
  ] as const)(
    'cuts nothing off, has all controls in reach, and nothing that axe finds wrong, %s',
    async (_where, view) => {
      await forEachState(view, async (page, state) => {
        expect(await violations(page), state).toEqual([]);
        expect(await overflow(page), state).toBe(0);
        expect(await unreachable(page), state).toEqual([]);
      });
    },
  );

  it('moves nothing for a visitor who wants reduced motion', async () => {
    const id = await site.app.createIn('init_create_sandbox');
    const running = async (reducedMotion: 'reduce' | 'no-preference') => {
      const { page } = await site.visit({ reducedMotion });
      await page.goto(`/tasks/${id}`);
      await page.getByRole('list', { name: 'Provisioning' }).getByText('Running').waitFor();
      return page.evaluate(() => document.getAnimations().length);
    };
    expect(await running('no-preference')).toBeGreaterThan(0);
    expect(await running('reduce')).toBe(0);
  });

  it('is in the theme of the system, or the one that was chosen, from the first moment', async () => {
    const { page } = await site.visit({ colorScheme: 'dark' });
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const theme = (name: string) => page.getByRole('button', { name: `Theme: ${name}`, exact: true });
    await page.goto('/new');
    await theme('system').waitFor();
    expect(await background()).toBe('rgb(16, 16, 18)');
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await background()).toBe('rgb(255, 255, 255)');
    await theme('system').click();
    await theme('light').click();
    await theme('dark').waitFor();
    expect(await background()).toBe('rgb(16, 16, 18)');
    await page.reload();
    await theme('dark').click();
    await theme('system').waitFor();
    expect(await background()).toBe('rgb(255, 255, 255)');
  });
});
