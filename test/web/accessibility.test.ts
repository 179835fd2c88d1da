import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { NewMachineEvent } from '../../src/tasks/domain/machine-event.ts';
import { eventsToRunning, failed } from '../tasks/domain/machine-states.ts';
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
  // A browser makes this of 1280 × 720 at a zoom of 200 %.
  'at a zoom of 200 %': { width: 640, height: 360 },
  'on a screen': { width: 1200, height: 800 },
  'on a phone': { width: 360, height: 640 },
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
      const keys = page.getByRole('dialog');
      await keys.waitFor();
      await check('with the keys');
      await page.keyboard.press('Escape');
      await keys.waitFor({ state: 'detached' });
      await page.getByLabel('Search').fill('nowhere-to-be-found');
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

    // It changes before the eyes of the visitor: to load it for each status costs more than to look at it.
    async 'a task'(page, check) {
      const { stored } = site.app;
      const task = await stored.create();
      const toRunning = eventsToRunning(task);
      const become = async (words: string, ...events: NewMachineEvent[]) => {
        await stored.change(task.id, ...events);
        await page.getByRole('status').getByText(words, { exact: true }).waitFor();
        await page
          .getByRole('list', { name: 'History' })
          .getByRole('listitem')
          .nth((await stored.revisionOf(task.id)) - 1)
          .waitFor();
      };
      await page.goto(`/tasks/${task.id}`);
      await become('Creating the sandbox', ...toRunning.slice(0, 3));
      await check('in the middle of a step');
      await become('Error', failed('create_sandbox', null));
      await check('with a failure');
      await become('Running', { type: 'taskRetried' }, ...toRunning.slice(2));
      await check('running');
      await page.getByRole('button', { name: 'Archive' }).click();
      const question = page.getByRole('alertdialog');
      await question.waitFor();
      await check('with a question');
      await question.getByRole('button', { name: 'Keep' }).click();
      await question.waitFor({ state: 'detached' });
      await become('Canceled', { type: 'taskCanceled' });
      await check('canceled');
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
          if (size === 'at a zoom of 200 %') continue;
          // On a phone too: what is hidden on a screen was not looked at.
          expect(await violations(page), `${state} ${size}`).toEqual([]);
          if (size === 'on a phone') continue;
          await page.emulateMedia({ colorScheme: 'dark' });
          expect(await violations(page, ['color-contrast']), `${state} in the dark theme`).toEqual([]);
          await page.emulateMedia({ colorScheme: 'light' });
        }
      });
    },
  );

  it('moves nothing for a visitor who wants reduced motion', async () => {
    const id = await site.app.createIn('init_create_sandbox');
    const { page } = await site.visit({ reducedMotion: 'reduce' });
    await page.goto(`/tasks/${id}`);
    await page.getByRole('list', { name: 'Provisioning' }).getByText('Running').waitFor();
    const running = () => page.evaluate(() => document.getAnimations().length);
    expect(await running()).toBe(0);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    expect(await running()).toBeGreaterThan(0);
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
