import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { describeInBrowser, Site } from './browser.ts';

/** What axe finds wrong, in a form that a failed test can show. */
async function violations(page: Page): Promise<string[]> {
  // Not a script tag: the page's Content-Security-Policy forbids it.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

const overflows = (page: Page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth;
  });

describeInBrowser('the page', () => {
  const site = Site.forTests('api');

  it.each([
    ['light', 360],
    ['dark', 1200],
  ] as const)(
    'has no violation that axe finds, and no overflow, in the %s theme at %i pixels',
    async (colorScheme, width) => {
      const ids = { error: await site.app.createIn('error'), running: await site.app.createIn('running') };
      const view = { colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' } as const;
      const { page } = await site.visit(view);

      await page.goto('/');
      await page.getByRole('list', { name: 'Tasks' }).getByRole('listitem').nth(1).waitFor();
      expect(await violations(page)).toEqual([]);
      expect(await overflows(page)).toBe(false);

      await page.goto('/new');
      await page.getByText('More settings').click();
      expect(await violations(page)).toEqual([]);
      expect(await overflows(page)).toBe(false);

      for (const id of Object.values(ids)) {
        await page.goto(`/tasks/${id}`);
        await page.getByRole('list', { name: 'History' }).getByRole('listitem').first().waitFor();
        expect(await violations(page)).toEqual([]);
        expect(await overflows(page)).toBe(false);
      }
      await page.getByRole('button', { name: 'Cancel task' }).click();
      await page.getByRole('alertdialog').waitFor();
      expect(await violations(page)).toEqual([]);

      const signedOut = await site.visitSignedOut(view);
      await signedOut.page.goto('/login');
      await signedOut.page.getByLabel('API token').waitFor();
      expect(await violations(signedOut.page)).toEqual([]);
    },
  );
});
