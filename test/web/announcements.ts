import type { Page } from 'playwright-core';

/** The words that a screen reader is given without being asked, from now on, as they come. */
export async function announcements(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const heard: string[] = [];
    Object.assign(globalThis, { heard });
    // What is added to a log is announced too, unless it says that it is not.
    const regions = '[role="status"], [role="alert"], [role="log"], [aria-live]';
    new MutationObserver((records) => {
      const changed = new Set<Element>();
      for (const { target } of records) {
        const element = target instanceof Element ? target : target.parentElement;
        const region = element?.closest(regions);
        if (region && region.getAttribute('aria-live') !== 'off') changed.add(region);
      }
      for (const { textContent } of changed) if (textContent) heard.push(textContent);
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  return () => page.evaluate(() => (globalThis as unknown as { heard: string[] }).heard);
}
