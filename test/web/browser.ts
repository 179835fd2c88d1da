import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, onTestFinished } from 'vitest';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { chromiumNames, chromiumPath, sharedChromium } from './chromium.ts';

if (!chromiumPath) {
  process.stderr.write(
    `No Chromium in PATH (${chromiumNames.join(', ')}): the tests of the web page are skipped.\n`,
  );
}

/**
 * Skips its tests where there is no Chromium. A test is repeated when a page has crashed, and for no other reason: now and then
 * Chromium 156 reads through a null pointer while it leaves a page for another one. A page that crashes it each time still fails.
 */
export function describeInBrowser(name: string, tests: () => void): void {
  const retry = { count: 2, condition: /\b(page|target) crashed\b/i };
  describe.runIf(chromiumPath)(name, { retry }, tests);
}

/** How a visitor sees the page. */
export type View = NonNullable<Parameters<Browser['newContext']>[0]>;

export interface Visit {
  readonly context: BrowserContext;
  readonly page: Page;
}

interface Target {
  readonly url: string;
  /** Undefined: the visitor has not signed in. */
  readonly token?: string;
}

/** A new browser profile, which is closed when the test is finished. */
export async function visit(browser: Browser, { url, token }: Target, view: View = {}): Promise<Visit> {
  const context = await browser.newContext({ baseURL: url, locale: 'en-US', ...view });
  onTestFinished(() => context.close());
  if (token !== undefined) {
    const login = await context.request.post('/login', { form: { token }, maxRedirects: 0 });
    if (login.status() !== 303) throw new Error(`The login was answered with ${login.status()}.`);
  }
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  return { context, page };
}

/** What the element that has the focus is called. */
export const focused = (page: Page) =>
  page.evaluate(() => {
    const { activeElement } = document;
    return activeElement?.getAttribute('aria-label') ?? activeElement?.textContent ?? '';
  });

/** Groundcrew with a scripted provider and a repository, for all tests of a file; and the browser of all files. */
export class Site {
  app!: StartedApp;
  repository!: GitRepository;
  browser!: Browser;

  /** Registers the hooks that start and stop it. The role `api` has no worker: stored tasks stay as they are. */
  static forTests(role: 'start' | 'api'): Site {
    const site = new Site();
    beforeAll(() => site.#start(role));
    beforeEach(() => site.app.provider.reset());
    afterAll(() => site.#stop());
    return site;
  }

  /** A visitor with a browser profile of their own, who has signed in. */
  visit(view?: View): Promise<Visit> {
    return visit(this.browser, this.app, view);
  }

  visitSignedOut(view?: View): Promise<Visit> {
    return visit(this.browser, { url: this.app.url }, view);
  }

  async #start(role: 'start' | 'api'): Promise<void> {
    [this.app, this.repository, this.browser] = await Promise.all([
      startApp(role),
      createGitRepository(),
      sharedChromium(),
    ]);
  }

  /** Cancels the task when the caller has ended: the agent of a server that is gone would be started again on the next test's. */
  cancelAtEnd(id: string): AsyncDisposable {
    const cancel = () => this.app.ask('mutation ($id: ID!) { cancelTask(id: $id) { id } }', { id });
    return { [Symbol.asyncDispose]: async () => void (await cancel()) };
  }

  async #stop(): Promise<void> {
    await this.app?.[Symbol.asyncDispose]();
    await this.repository?.[Symbol.asyncDispose]();
  }
}
