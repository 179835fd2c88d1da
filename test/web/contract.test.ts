import type { Locator, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { announcements } from './announcements.ts';
import { describeInBrowser, focused, Site } from './browser.ts';

const named = (page: Page | Locator, role: Parameters<Page['getByRole']>[0], name: string) =>
  page.getByRole(role, { name, exact: true });

describeInBrowser('what the page promises to those who find their way by roles and names', () => {
  const site = Site.forTests('api');

  it('holds for the list', async () => {
    await site.app.stored.create({ prompt: 'Paint the cellar', title: 'The cellar' });
    await site.app.stored.create({ prompt: 'Paint the roof' });
    const { page } = await site.visit();
    await page.goto('/');
    const list = named(page, 'list', 'Tasks');
    await named(list, 'link', 'The cellar').waitFor();
    await named(list.getByRole('listitem'), 'link', 'Paint the roof').waitFor();
    await named(page, 'link', 'New task').waitFor();
    expect(await named(page, 'combobox', 'Status').getByRole('option').count()).toBe(10);
    await named(page, 'combobox', 'Project').waitFor();
    await named(page, 'searchbox', 'Search').fill('roof');
    await page.waitForURL('**/?q=roof');
    await waitFor(async () => (await list.getByRole('listitem').count()) === 1);
  });

  it('holds for a task', async () => {
    const { page } = await site.visit({ viewport: { width: 360, height: 700 } });
    await page.goto(`/tasks/${await site.app.createIn('init_create_sandbox')}`);
    const steps = named(page, 'list', 'Provisioning').getByRole('listitem');
    await steps.first().waitFor();
    for (const [index, words] of ['Done', 'Running', 'Waiting', 'Waiting'].entries())
      await steps.nth(index).getByText(words, { exact: true }).waitFor();
    expect(await page.getByRole('status').allTextContents()).toEqual(['Creating the sandbox']);
    await named(page, 'list', 'History').getByRole('listitem').first().waitFor();
    await named(named(page, 'tablist', 'Sessions'), 'tab', 'demo 1 Preparing environment').waitFor();
    for (const name of ['Cancel task', 'Archive', 'New session']) await named(page, 'button', name).waitFor();
    for (const name of ['New task', 'Tasks', 'GraphiQL']) await named(page, 'link', name).waitFor();
    expect(await named(page, 'button', 'Retry').count()).toBe(0);

    const failed = await site.app.createIn('error');
    await page.goto(`/tasks/${failed}`);
    await steps.first().getByText('Failed', { exact: true }).waitFor();
    for (const name of ['Archive', 'Cancel task']) {
      await named(page, 'button', name).click();
      const dialog = named(page, 'alertdialog', `${name}?`);
      expect(await dialog.getByRole('button').allTextContents()).toEqual(['Keep', name]);
      await named(dialog, 'button', 'Keep').click();
      await dialog.waitFor({ state: 'detached' });
      expect(await focused(page)).toBe(name);
    }
    await named(page, 'button', 'Retry').press('Enter');
    await page.getByRole('status').getByText('Queued').waitFor();
    // The button is gone, and the keyboard is still where it was.
    await waitFor(async () => (await focused(page)) === 'Actions');
  });

  it('holds for keys, which act everywhere but in fields, and are all listed', async () => {
    const { page } = await site.visit();
    await page.goto(`/tasks/${await site.app.createIn('running')}`);
    await named(page, 'list', 'Provisioning').waitFor();
    await page.keyboard.press('?');
    const dialog = page.getByRole('dialog');
    for (const key of ['n', '/', 'Enter', '?', 'Esc']) await dialog.getByText(key, { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await named(page, 'button', 'Archive').click();
    await named(page.getByRole('alertdialog'), 'button', 'Archive').click();
    await page.getByRole('status').getByText('Archived').waitFor();
    // It has the focus, and is disabled.
    await named(page, 'button', 'Archive').and(page.locator(':focus')).waitFor();
    await page.keyboard.press('n');
    await page.waitForURL('**/new');
    for (const field of ['Repository', 'Prompt']) {
      await named(page, 'textbox', field).fill('');
      await named(page, 'textbox', field).pressSequentially('n?/jk');
      expect(await named(page, 'textbox', field).inputValue()).toBe('n?/jk');
    }
    expect(await dialog.count()).toBe(0);
    expect(new URL(page.url()).pathname).toBe('/new');
  });

  it('holds for the focus, which is at the heading of a page, and at the task that was opened on the way back', async () => {
    await site.app.stored.create({ prompt: 'First to be opened' });
    await site.app.stored.create({ prompt: 'Second to be opened' });
    const { page } = await site.visit();
    await page.goto('/');
    await named(page, 'link', 'First to be opened').waitFor();
    for (let key = 0; key < 2; key += 1) await page.keyboard.press('ArrowDown');
    await waitFor(async () => (await focused(page)) === 'First to be opened');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/tasks/*');
    await page
      .getByRole('heading', { level: 1, name: 'First to be opened' })
      .and(page.locator(':focus'))
      .waitFor();
    expect(await page.title()).toContain('First to be opened');
    await page.goBack();
    await named(page, 'link', 'First to be opened').and(page.locator(':focus')).waitFor();
  });

  it('holds for a status, each of which is announced once', async () => {
    const { stored } = site.app;
    const { id } = await stored.create();
    const { page } = await site.visit();
    await page.goto(`/tasks/${id}`);
    await page.getByRole('status').getByText('Queued').waitFor();
    const heard = await announcements(page);
    await stored.change(id, { type: 'stepStarted', step: 'ensure_name', timeoutMs: 60_000 });
    await page.getByRole('status').getByText('Settling the name').waitFor();
    await stored.change(id, { type: 'taskCanceled' });
    await page.getByRole('status').getByText('Canceled').waitFor();
    await waitFor(async () => (await heard()).includes('Canceled'));
    expect(await heard()).toEqual(['Settling the name', 'Canceled']);
  });

  it.each(['/', '/tasks/ID'])(
    'holds for the first load of %s: 200 kB of scripts and styles',
    async (path) => {
      const { page } = await site.visitAnew();
      const sizes: Promise<number>[] = [];
      page.on('requestfinished', (request) => {
        if (!['script', 'stylesheet'].includes(request.resourceType())) return;
        sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
      });
      await page.goto(path.replace('ID', await site.app.createIn('running')));
      await named(page, 'list', path === '/' ? 'Tasks' : 'Provisioning').waitFor();
      const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
      expect(total).toBeGreaterThan(50_000);
      expect(total).toBeLessThan(200_000);
    },
  );
});
