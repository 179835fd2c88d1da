import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, onTestFinished } from 'vitest';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { chromiumNames, chromiumPath, sharedChromium } from './chromium.ts';
import { Profile, usualView, type View } from './profile.ts';

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
  const context = await browser.newContext({ baseURL: url, locale: 'en-US', ...usualView, ...view });
  onTestFinished(() => context.close());
  if (token !== undefined) await signIn(context, token);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  return { context, page };
}

async function signIn(context: BrowserContext, token: string): Promise<void> {
  const login = await context.request.post('/login', { form: { token }, maxRedirects: 0 });
  if (login.status() !== 303) throw new Error(`The login was answered with ${login.status()}.`);
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
  #profile: Profile | undefined;
  #isProfileTaken = false;

  /** Registers the hooks that start and stop it. The role `api` has no worker: stored tasks stay as they are. */
  static forTests(role: 'start' | 'api'): Site {
    const site = new Site();
    beforeAll(() => site.#start(role));
    beforeEach(() => site.app.provider.reset());
    afterAll(() => site.#stop());
    return site;
  }

  /**
   * A visitor who has signed in. The first one in a test has the profile and the page of the file, which has compiled the
   * scripts; nothing else of another test is in it. The others have profiles of their own.
   */
  async visit(view?: View): Promise<Visit> {
    if (this.#isProfileTaken) return this.visitAnew(view);
    this.#isProfileTaken = true;
    onTestFinished(() => this.#freeProfile());
    this.#profile ??= await Profile.create(this.browser, this.app.url);
    const opened = await this.#profile.open(view ?? {});
    await signIn(opened.context, this.app.token);
    return opened;
  }

  /**
   * A visitor who has signed in, with a new profile: for tests of the first visit, and for those that change what a profile
   * keeps, such as its clock; see `Profile.reset`.
   */
  visitAnew(view?: View): Promise<Visit> {
    return visit(this.browser, this.app, view);
  }

  visitSignedOut(view?: View): Promise<Visit> {
    return visit(this.browser, { url: this.app.url }, view);
  }

  async #freeProfile(): Promise<void> {
    this.#isProfileTaken = false;
    if (await this.#profile?.reset()) return;
    await this.#profile?.close();
    this.#profile = undefined;
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
    await this.#profile?.close();
    await this.app?.[Symbol.asyncDispose]();
    await this.repository?.[Symbol.asyncDispose]();
  }
}
