import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { hangs } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, Site } from './browser.ts';

describeInBrowser('the form of a new task', () => {
  const site = Site.forTests('start');

  async function fill(page: Page, prompt: string): Promise<void> {
    await page.getByLabel('Repository').fill(site.repository.path);
    await page.getByLabel('Prompt').fill(prompt);
  }
  const create = (page: Page) => page.getByRole('button', { name: 'Create task' });
  const tasksWith = async (prompt: string) => {
    const query = 'query ($search: String) { tasks(filter: { search: $search }) { nodes { id } } }';
    const { tasks } = await site.app.ask<{ tasks: { nodes: unknown[] } }>(query, { search: prompt });
    return tasks.nodes.length;
  };

  it('leads to the page of the task with no request in between, while the provider hangs', async () => {
    site.app.provider.on('createSandbox', hangs());
    const { page } = await site.visit();
    await page.goto('/new');
    await fill(page, 'Say hello');
    const requests: string[] = [];
    page.on('request', (request) => requests.push(request.postData() ?? request.url()));
    // Nothing but createTask is answered until the page of the task is there.
    const gate = Promise.withResolvers<void>();
    await page.route('**/graphql', async (route) => {
      if (!route.request().postData()?.includes('mutation CreateTask')) await gate.promise;
      await route.continue();
    });
    await create(page).click();
    await page.getByRole('heading', { level: 1, name: 'Say hello' }).waitFor();
    expect(requests[0]).toContain('mutation CreateTask');
    await page.getByRole('status').getByText('Creating the sandbox').waitFor();
    gate.resolve();
    const steps = page.getByRole('list', { name: 'Provisioning' }).getByRole('listitem');
    expect(await steps.count()).toBe(4);
    await steps.nth(1).getByText('Running').waitFor();
    const history = page.getByRole('list', { name: 'History' }).getByRole('listitem');
    await history.nth(3).waitFor();
  });

  it('shows an error of the server at its field, and keeps what was typed over a reload', async () => {
    const { page } = await site.visit();
    await page.goto('/new');
    await page.getByLabel('Repository').fill('no repository');
    await page.getByLabel('Prompt').fill('Say hello again');
    await create(page).click();
    const field = page.getByLabel('Repository');
    await page.locator('[aria-invalid=true]').waitFor();
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    const message = page.locator(`[id="${await field.getAttribute('aria-describedby')}"]`);
    expect(await message.textContent()).toMatch(/repoUrl|repository/i);
    expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);
    await page.reload();
    expect(await field.inputValue()).toBe('no repository');
    expect(await page.getByLabel('Prompt').inputValue()).toBe('Say hello again');
  });

  it('keeps what was typed in each of two windows, and the newest for a third one', async () => {
    const { page, context } = await site.visit();
    const second = await context.newPage();
    for (const [index, each] of [page, second].entries()) {
      await each.goto('/new');
      await fill(each, `Typed in window ${index}`);
    }
    await page.reload();
    expect(await page.getByLabel('Prompt').inputValue()).toBe('Typed in window 0');
    const third = await context.newPage();
    await third.goto('/new');
    expect(await third.getByLabel('Prompt').inputValue()).toBe('Typed in window 1');
  });

  it('opens the settings that are folded away when one of them is refused', async () => {
    const { page } = await site.visit();
    await page.goto('/new');
    await fill(page, 'Say hello');
    await page.getByText('More settings').click();
    await page.getByLabel('Branch').fill('not..a branch');
    await page.getByText('More settings').click();
    await page.getByLabel('Prompt').press('Control+Enter');
    await page.getByLabel('Branch').and(page.locator('[aria-invalid=true]')).waitFor();
  });

  it('makes one task of a double click, and of a call whose answer was lost', async () => {
    site.app.provider.on('createSandbox', hangs());
    const { page } = await site.visit();
    await page.goto('/new');
    await fill(page, 'Doubleclicked hello');
    await create(page).dblclick();
    await page.waitForURL('**/tasks/*');
    expect(await tasksWith('Doubleclicked')).toBe(1);

    await page.getByRole('link', { name: 'New task' }).click();
    await page.waitForURL('**/new');
    await fill(page, 'Unanswered hello');
    let lost = 0;
    await page.route('**/graphql', async (route) => {
      if (!route.request().postData()?.includes('mutation CreateTask') || lost > 0) return route.continue();
      lost += 1;
      await route.fetch();
      await route.abort();
    });
    await create(page).click();
    await page.getByRole('alert').getByText('No answer came').waitFor();
    await waitFor(async () => (await tasksWith('Unanswered')) === 1);
    await page.reload();
    await create(page).click();
    await page.waitForURL('**/tasks/*');
    expect(await tasksWith('Unanswered')).toBe(1);
  });

  it('offers the recent projects', async () => {
    site.app.provider.on('createSandbox', hangs());
    await site.app.create({ repoUrl: site.repository.path });
    const { page } = await site.visit();
    await page.goto('/new');
    const name = site.repository.path.split('/').at(-1) as string;
    await page.getByRole('button', { name }).click();
    expect(await page.getByLabel('Repository').inputValue()).toBe(site.repository.path);
  });
});
