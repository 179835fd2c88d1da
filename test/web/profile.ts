import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';

/** How a visitor sees the page. */
export interface View {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce' | 'no-preference';
}

export const usualView = {
  viewport: { width: 1280, height: 720 },
  colorScheme: 'light',
  // To draw what fades in, turns and pulses takes processor time.
  reducedMotion: 'reduce',
} satisfies View;

/**
 * A browser profile with a page that one test after the other uses. Its caches and its one process keep the scripts of the page
 * as compiled, which is half of what the first visit in a new profile costs; another window would cost half a load of the page.
 */
export class Profile {
  readonly #context: BrowserContext;
  /** Stays open: the process of all pages ends with the last of them. */
  readonly #page: Page;
  readonly #devtools: CDPSession;
  readonly #origin: string;
  #hasCrashed = false;

  private constructor(context: BrowserContext, page: Page, devtools: CDPSession, origin: string) {
    this.#context = context;
    this.#page = page;
    this.#devtools = devtools;
    this.#origin = origin;
    page.setDefaultTimeout(60_000);
  }

  static async create(browser: Browser, origin: string): Promise<Profile> {
    const context = await browser.newContext({ baseURL: origin, locale: 'en-US' });
    const page = await context.newPage();
    return new Profile(context, page, await context.newCDPSession(page), origin);
  }

  async open(view: View): Promise<{ context: BrowserContext; page: Page }> {
    const { viewport, ...media } = { ...usualView, ...view };
    this.#page.once('crash', () => {
      this.#hasCrashed = true;
    });
    await this.#page.setViewportSize(viewport);
    await this.#page.emulateMedia(media);
    return { context: this.#context, page: this.#page };
  }

  /**
   * Closes the other pages of a test, and forgets what it has stored, listened to and intercepted, except its clock and its
   * `routeWebSocket`, which cannot be taken back, and scripts of `addInitScript`, of which the test has to dispose.
   * Resolves with false when the profile is of no use any more.
   */
  async reset(): Promise<boolean> {
    const page = this.#page;
    if (this.#hasCrashed || page.isClosed() || new URL(page.url()).origin !== this.#origin) return false;
    try {
      await this.#empty(page);
    } catch (error) {
      // Now and then Chromium crashes while it leaves a page.
      if (/crashed/.test(String(error))) return false;
      throw error;
    }
    return !this.#hasCrashed;
  }

  async #empty(page: Page): Promise<void> {
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await Promise.all(this.#context.pages().map((each) => each !== page && each.close()));
    await page.sessionStorage.clear();
    await page.goto('about:blank');
    // Nothing of the next page is under the pointer.
    await page.mouse.move(0, 0);
    page.removeAllListeners();
    await this.#context.setOffline(false);
    await this.#context.clearCookies();
    await this.#context.clearPermissions();
    await this.#devtools.send('Page.resetNavigationHistory');
    await this.#devtools.send('Storage.clearDataForOrigin', { origin: this.#origin, storageTypes: 'all' });
  }

  close(): Promise<void> {
    return this.#context.close();
  }
}
