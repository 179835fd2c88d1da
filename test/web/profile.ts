import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';

/** How a visitor sees the page. */
export interface View {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce' | 'no-preference';
}

/**
 * A browser profile that one test after the other uses. Its caches and its one process keep the scripts of the page as
 * compiled, which is half of what the first visit in a new profile costs.
 */
export class Profile {
  readonly #context: BrowserContext;
  readonly #devtools: CDPSession;
  readonly #origin: string;
  #hasCrashed = false;

  private constructor(context: BrowserContext, keeper: Page, devtools: CDPSession, origin: string) {
    this.#context = context;
    this.#devtools = devtools;
    this.#origin = origin;
    keeper.once('crash', () => {
      this.#hasCrashed = true;
    });
  }

  static async create(browser: Browser, origin: string): Promise<Profile> {
    const context = await browser.newContext({ baseURL: origin, locale: 'en-US' });
    // Stays open: the process of the pages ends with the last of them.
    const keeper = await context.newPage();
    await keeper.goto('/icon.svg');
    return new Profile(context, keeper, await context.newCDPSession(keeper), origin);
  }

  async open({ viewport, ...media }: View): Promise<{ context: BrowserContext; page: Page }> {
    const page = await this.#context.newPage();
    page.setDefaultTimeout(60_000);
    if (viewport) await page.setViewportSize(viewport);
    // To draw what fades in takes processor time.
    await page.emulateMedia({ reducedMotion: 'reduce', ...media });
    return { context: this.#context, page };
  }

  /** Closes the pages of a test, and forgets what it has stored. Resolves with false when a page has crashed: it is of no use. */
  async reset(): Promise<boolean> {
    if (this.#hasCrashed) return false;
    const [, ...pages] = this.#context.pages();
    await Promise.all(pages.map((page) => page.close()));
    await this.#context.clearCookies();
    await this.#context.clearPermissions();
    await this.#devtools.send('Storage.clearDataForOrigin', { origin: this.#origin, storageTypes: 'all' });
    return true;
  }

  close(): Promise<void> {
    return this.#context.close();
  }
}
