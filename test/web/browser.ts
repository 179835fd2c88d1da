import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, onTestFinished } from 'vitest';
import { type StartedApp, startApp } from '../schema/started-app.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The first Chromium in PATH. Undefined when there is none: the tests of the page are skipped then. */
const chromiumPath = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => names.map((name) => join(folder, name)))
  .find((file) => existsSync(file));

if (!chromiumPath) {
  process.stderr.write(`No Chromium in PATH (${names.join(', ')}): the tests of the web page are skipped.\n`);
}

export const describeInBrowser = describe.runIf(chromiumPath);

/** How a visitor sees the page. */
export type View = NonNullable<Parameters<Browser['newContext']>[0]>;

export interface Visit {
  readonly context: BrowserContext;
  readonly page: Page;
}

/** Groundcrew with a scripted provider, a repository and a browser, for all tests of a file. */
export class Site {
  app!: StartedApp;
  repository!: GitRepository;
  #browser!: Browser;

  /** Registers the hooks that start and stop it. The role `api` has no worker: stored tasks stay as they are. */
  static forTests(role: 'start' | 'api'): Site {
    const site = new Site();
    beforeAll(() => site.#start(role));
    beforeEach(() => site.app.provider.reset());
    afterAll(() => site.#stop());
    return site;
  }

  /** A visitor with a browser profile of their own, who has signed in. */
  async visit(view: View = {}): Promise<Visit> {
    const visit = await this.visitSignedOut(view);
    const { url, token } = this.app;
    await visit.context.addCookies([{ name: 'groundcrew_token', value: token, url, sameSite: 'Strict' }]);
    return visit;
  }

  async visitSignedOut(view: View = {}): Promise<Visit> {
    const context = await this.#browser.newContext({ baseURL: this.app.url, locale: 'en-US', ...view });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    return { context, page };
  }

  async #start(role: 'start' | 'api'): Promise<void> {
    [this.app, this.repository, this.#browser] = await Promise.all([
      startApp(role),
      createGitRepository(),
      // As root Chromium has no sandbox, and in a container hardly any shared memory.
      chromium.launch({
        executablePath: chromiumPath as string,
        args: ['--no-sandbox', '--disable-dev-shm-usage'],
      }),
    ]);
  }

  async #stop(): Promise<void> {
    await this.#browser?.close();
    await this.app?.[Symbol.asyncDispose]();
    await this.repository?.[Symbol.asyncDispose]();
  }
}
