import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { describeInBrowser, Site } from './browser.ts';
import { edit, markdown, storeConversation, storeRequest, storeUndelivered } from './stored-conversation.ts';

/** What axe finds wrong, in a form that a failed test can show. `rules`: these alone. */
async function violations(page: Page, rules?: string[]): Promise<string[]> {
  // Not a script tag: the page's Content-Security-Policy forbids it.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate(
    (only) =>
      (globalThis as unknown as { axe: typeof axe }).axe.run({
        resultTypes: ['violations'],
        ...(only && { runOnly: only }),
      }),
    rules,
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
        // Of the first line, if it is a link that takes two.
        const { left, top, width, height } = control.getClientRects()[0] as DOMRect;
        const hit = document.elementFromPoint(left + width / 2, top + height / 2);
        return left < 0 || left + width > innerWidth || !hit || !control.contains(hit);
      })
      .map(({ outerHTML }) => outerHTML.slice(0, 200));
  });

const sizes = {
  'on a phone': { width: 360, height: 640 },
  // A browser makes this of 1280 × 720 at a zoom of 200 %.
  'at a zoom of 200 %': { width: 640, height: 360 },
  'on a screen': { width: 1200, height: 800 },
};

describeInBrowser('the page', () => {
  const site = Site.forTests('api');

  type Check = (state: string) => Promise<void>;

  /** Parts of the page. Each shows its states, and calls `check` at each of them. */
  const parts: Record<string, (page: Page, check: Check) => Promise<void>> = {
    async 'the list'(page, check) {
      for (const status of ['init_create_sandbox', 'running', 'error', 'canceled'] as const)
        await site.app.createIn(status);
      await page.goto('/');
      await page.getByRole('list', { name: 'Tasks' }).getByRole('listitem').nth(3).waitFor();
      await check('filled');
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      await check('with the keys');
      await page.goto('/?q=nowhere-to-be-found');
      await page.getByRole('heading', { name: 'No task matches.' }).waitFor();
      await check('empty');
    },

    async 'the form'(page, check) {
      await page.goto('/new');
      await page.getByText('More settings').click();
      await check('at first');
      await page.getByLabel('Repository').fill('no repository');
      await page.getByLabel('Prompt').fill('Say hello');
      await page.getByRole('button', { name: 'Create task' }).click();
      await page.locator('[aria-invalid=true]').waitFor();
      await check('with an error');
    },

    async 'a task'(page, check) {
      for (const status of ['init_create_sandbox', 'error', 'canceled', 'running'] as const) {
        await page.goto(`/tasks/${await site.app.createIn(status)}`);
        await page.getByRole('list', { name: 'History' }).getByRole('listitem').first().waitFor();
        await check(status);
      }
      await page.getByRole('button', { name: 'Archive' }).click();
      await page.getByRole('alertdialog').waitFor();
      await check('with a question');
    },

    async 'a conversation'(page, check) {
      await page.goto(`/tasks/${await createConversation()}`);
      const log = page.getByRole('log', { name: 'Transcript' });
      await log.getByText('Thought').click();
      await log.getByText('Edit src/health.ts').click();
      await log.getByRole('insertion').first().waitFor();
      await log.getByRole('heading', { name: 'What I changed' }).waitFor();
      await page.getByRole('group', { name: 'Run the tests' }).waitFor();
      await page.getByRole('list', { name: 'Messages not delivered' }).getByText('And the logs').waitFor();
      await check('with all that it may show');
    },

    async 'the login'(page, check) {
      await page.context().clearCookies();
      await page.goto('/login');
      await page.getByLabel('API token').fill('wrong');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('This token is not valid.').waitFor();
      await check('with an error');
    },
  };

  /** A task with all that a conversation may show. */
  async function createConversation(): Promise<string> {
    const { stored } = site.app;
    const id = await site.app.createIn('running');
    const sessionId = await storeConversation(stored, id, [
      ['user_message', 'Add a health check', { promptId: 'prompt' }],
      ['agent_thought', 'It should ask the database.', {}],
      ['plan', '', { entries: [{ content: 'Change it', status: 'in_progress', priority: 'high' }] }],
      edit,
      ['agent_message', markdown, {}],
      ['turn_end', '', { stopReason: 'end_turn', error: null }],
      ['notice', 'The agent was started again.', { code: 'AGENT_RESTARTED' }],
    ]);
    await storeRequest(stored, sessionId, 'Run the tests');
    await storeUndelivered(stored, sessionId);
    return id;
  }

  // Each state is loaded once and then shown in other sizes and colors, of which only those are looked at that may differ.
  it.each(Object.keys(parts))(
    'of %s cuts nothing off, has all controls in reach, and nothing that axe finds wrong, in each size and theme',
    async (part) => {
      const { page } = await site.visit({ reducedMotion: 'reduce' });
      await parts[part]?.(page, async (state) => {
        for (const [size, viewport] of Object.entries(sizes)) {
          await page.setViewportSize(viewport);
          expect(await overflow(page), `${state} ${size}`).toBe(0);
          expect(await unreachable(page), `${state} ${size}`).toEqual([]);
        }
        expect(await violations(page), `${state} in the light theme`).toEqual([]);
        await page.emulateMedia({ colorScheme: 'dark' });
        expect(await violations(page, ['color-contrast']), `${state} in the dark theme`).toEqual([]);
        await page.emulateMedia({ colorScheme: 'light' });
        // What is hidden on a screen was not looked at.
        await page.setViewportSize(sizes['on a phone']);
        expect(await violations(page), `${state} on a phone`).toEqual([]);
        await page.setViewportSize(sizes['on a screen']);
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
