import type { Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, focused, Site } from './browser.ts';

const count = 5_000;
const list = (page: Page) => page.getByRole('list', { name: 'Tasks' });
const rows = (page: Page) => list(page).getByRole('listitem');
const row = (page: Page, title: string) => list(page).getByRole('link', { name: title, exact: true });
const newTasks = (page: Page, number: number) =>
  page.getByRole('button', { name: `${number} new`, exact: true });
const position = (page: Page, title: string) =>
  row(page, title).evaluate((element) => element.getBoundingClientRect().top);

describeInBrowser('the list of tasks', () => {
  const site = Site.forTests('api');

  beforeAll(async () => {
    const { stored } = site.app;
    const { id } = await stored.create();
    // The ids of the copies differ in their last digits, so that the last one is the newest.
    await stored.sql(
      `insert into task (id, workspace_id, project_id, repo_url, prompt, provider, agent, revision, status, state,
         created_at, updated_at)
       select left(id, -6) || lpad(n::text, 6, '0'), workspace_id, project_id, repo_url, 'Task number ' || n, provider,
         agent, 1, status, state, now(), now()
       from task, generate_series(1, ${count}) n where id = ?`,
      [id],
    );
    await stored.sql('delete from task where id = ?', [id]).catch(() => {});
  });

  /** Until the row is in the window. At once, not smoothly: a wheel moves on after the row is there. */
  async function scrollTo(page: Page, title: string): Promise<void> {
    await rows(page).first().waitFor();
    // All in the page: to ask from outside after each step takes longer than the steps.
    await list(page).evaluate(async (element, title) => {
      const isThere = () =>
        [...element.querySelectorAll('a')].some(({ textContent }) => textContent === title);
      const giveUpAt = performance.now() + 60_000;
      while (!isThere() && performance.now() < giveUpAt) {
        scrollBy({ top: innerHeight, behavior: 'instant' });
        await new Promise(requestAnimationFrame);
      }
    }, title);
    await row(page, title).scrollIntoViewIfNeeded();
  }

  it('of thousands scrolls without an end, holds few rows, and does not move when tasks are made and change', async () => {
    const { stored } = site.app;
    const { page } = await site.visit();
    await page.goto('/');
    // On the third page that is read of it.
    await scrollTo(page, 'Task number 4750');
    expect(await rows(page).count()).toBeLessThan(100);

    const before = await position(page, 'Task number 4750');
    for (const prompt of ['First new one', 'Second new one', 'Third new one'])
      await stored.create({ prompt });
    await newTasks(page, 3).waitFor();
    expect(await position(page, 'Task number 4750')).toBe(before);
    await newTasks(page, 3).click();
    await row(page, 'Third new one').waitFor();
    expect(await page.evaluate(() => scrollY)).toBe(0);
    expect(await newTasks(page, 3).count()).toBe(0);

    // At the top it is shown at once.
    const { id } = await stored.create({ prompt: 'Fourth new one' });
    await row(page, 'Fourth new one').waitFor();
    await stored.revise(id);
    await rows(page).filter({ hasText: 'Fourth new one' }).getByText('Settling the name').waitFor();
  });

  it('is where it was after a look at a task', async () => {
    const { page } = await site.visit();
    await page.goto('/');
    await scrollTo(page, 'Task number 4850');
    const before = await page.evaluate(() => scrollY);
    await row(page, 'Task number 4850').click();
    await page.getByRole('heading', { name: 'Task number 4850' }).waitFor();
    await page.goBack();
    await row(page, 'Task number 4850').waitFor();
    expect(await page.evaluate(() => scrollY)).toBe(before);
  });

  it('is filtered by status, project and words, which are in the address', async () => {
    const { stored } = site.app;
    const failed = await site.app.createIn('error');
    await stored.create({ repoUrl: 'https://example.com/another/project', prompt: 'Paint the cellar' });
    const { page } = await site.visit();
    await page.goto('/');
    await page.getByLabel('Status').selectOption('ERROR');
    await page.waitForURL('**/?status=ERROR');
    await waitFor(async () => (await rows(page).count()) === 1);
    // A task that has the status no longer leaves the list.
    await stored.change(failed, { type: 'taskCanceled' });
    await page.getByRole('heading', { name: 'No task matches.' }).waitFor();
    await page.getByLabel('Status').selectOption('');
    await page.getByLabel('Project').selectOption({ label: 'another/project' });
    await waitFor(async () => (await rows(page).count()) === 1);
    await page.getByLabel('Project').selectOption('');
    await page.getByLabel('Search').fill('number 4321');
    await row(page, 'Task number 4321').waitFor();
    await waitFor(async () => (await rows(page).count()) === 1);
    await page.reload();
    await row(page, 'Task number 4321').waitFor();
    expect(await page.getByLabel('Search').inputValue()).toBe('number 4321');
    await stored.create({ prompt: 'Look at number 4321 again' });
    await row(page, 'Look at number 4321 again').waitFor();
  });

  it('and the whole way from a new task to its page need no pointer', async () => {
    const { page } = await site.visit();
    await page.goto('/');
    await rows(page).first().waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('n');
    expect(new URL(page.url()).pathname).toBe('/');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const second = await rows(page).nth(1).getByRole('link').textContent();
    await waitFor(async () => (await focused(page)) === second);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: second ?? '' }).waitFor();

    await page.keyboard.press('/');
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
      .toBe('Search');
    await page.keyboard.type('n');
    expect(new URL(page.url()).pathname).toBe('/');
    await page.keyboard.press('Escape');
    await page.keyboard.press('n');
    await page.keyboard.type(site.repository.path);
    await page.keyboard.press('Tab');
    await waitFor(() => page.evaluate(() => /BUTTON|TEXTAREA/.test(document.activeElement?.tagName ?? '')));
    await page.getByLabel('Prompt').focus();
    await page.keyboard.type('Typed without a pointer');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('heading', { name: 'Typed without a pointer' }).waitFor();
    const cancel = page.getByRole('button', { name: 'Cancel task' });
    await cancel.press('Enter');
    // The button that destroys nothing has the focus first.
    await waitFor(async () => (await focused(page)) === 'Keep');
    await page.keyboard.press('Enter');
    await page.getByRole('alertdialog').waitFor({ state: 'detached' });
    await waitFor(async () => (await focused(page)) === 'Cancel task');
  });
});
