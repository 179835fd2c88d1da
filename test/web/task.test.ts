import type { Locator, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { fails, hangs, type Method, waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, Site } from './browser.ts';

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const status = (page: Page, words: string) => page.getByRole('status').getByText(words, { exact: true });
const step = (page: Page, index: number): Locator =>
  page.getByRole('list', { name: 'Provisioning' }).getByRole('listitem').nth(index);
const history = (page: Page) => page.getByRole('list', { name: 'History' }).getByRole('listitem');

describeInBrowser('the page of a task', () => {
  const site = Site.forTests('start');
  const create = (prompt = 'Say hello') => site.app.create({ repoUrl: site.repository.path, prompt });
  const revisionOf = async (id: string) => {
    const { task } = await site.app.ask<{ task: { revision: number } }>(`{ task(id: "${id}") { revision } }`);
    return task.revision;
  };

  it('shows each status in its order, each step, and each revision, live', async () => {
    const methods: Method[] = ['createSandbox', 'ensureAgent', 'createSession'];
    const gates = methods.map(() => Promise.withResolvers<void>());
    for (const [index, method] of methods.entries())
      site.app.provider.on(method, waitsFor(gates[index]?.promise as Promise<void>));
    const { page } = await site.visit();
    const id = await create();
    await page.goto(`/tasks/${id}`);
    for (const [index, words] of [
      'Creating the sandbox',
      'Starting the agent',
      'Opening the session',
    ].entries()) {
      await status(page, words).waitFor();
      await step(page, index + 1)
        .getByText('Running')
        .waitFor();
      await step(page, index).getByText('Done').waitFor();
      await page.getByRole('tabpanel').getByText('Preparing environment').waitFor();
      gates[index]?.resolve();
    }
    await status(page, 'Running').waitFor();
    await page.getByRole('tabpanel').getByText('Ready').waitFor();
    const revision = await revisionOf(id);
    await history(page)
      .nth(revision - 1)
      .waitFor();
    expect(await history(page).count()).toBe(revision);

    await page.reload();
    await status(page, 'Running').waitFor();
    await history(page)
      .nth(revision - 1)
      .waitFor();
  });

  it('counts the time of a running step, and the time until its deadline', async () => {
    site.app.provider.on('createSandbox', hangs());
    const { page } = await site.visit();
    await page.goto(`/tasks/${await create()}`);
    const [running, deadline] = [
      step(page, 1).getByRole('timer').first(),
      step(page, 1).getByText(/times out in/),
    ];
    const before = await running.textContent();
    expect(await deadline.textContent()).toMatch(/^times out in \d+ min \d+ s$/);
    await waitFor(async () => (await running.textContent()) !== before);
  });

  it('explains a failure, and continues with Retry', async () => {
    site.app.provider.on(
      'ensureAgent',
      fails({ code: 'AGENT_FAILED', message: 'It does not start.', retryable: false }),
      { times: 1 },
    );
    const { page } = await site.visit();
    await page.goto(`/tasks/${await create()}`);
    await status(page, 'Error').waitFor();
    await page.getByText('It does not start.').first().waitFor();
    await page.getByText(/What to do:/).waitFor();
    await step(page, 2).getByText('Failed').waitFor();
    await button(page, 'Retry').click();
    await status(page, 'Running').waitFor();
    expect(await button(page, 'Retry').count()).toBe(0);
  });

  it('cancels in the middle of a step, after it has said what will be destroyed', async () => {
    site.app.provider.on('createSandbox', hangs());
    const { page } = await site.visit();
    await page.goto(`/tasks/${await create()}`);
    await step(page, 1).getByText('Running').waitFor();
    await button(page, 'Cancel task').click();
    const dialog = page.getByRole('alertdialog');
    await dialog.getByText(/sandbox is destroyed/).waitFor();
    await dialog.getByRole('button', { name: 'Keep' }).click();
    await dialog.waitFor({ state: 'detached' });
    await status(page, 'Creating the sandbox').waitFor();

    await button(page, 'Cancel task').click();
    await dialog.getByRole('button', { name: 'Cancel task' }).click();
    await status(page, 'Canceled').waitFor();
    for (const name of ['Cancel task', 'Archive', 'New session']) {
      expect(await button(page, name).getAttribute('aria-disabled')).toBe('true');
      const reasonId = await button(page, name).getAttribute('aria-describedby');
      expect(await page.locator(`[id="${reasonId}"]`).textContent()).toContain('canceled');
    }
  });

  it('archives a running task, and shows that in a second window too', async () => {
    const id = await create();
    const [{ page }, { page: second }] = [await site.visit(), await site.visit()];
    for (const each of [page, second]) {
      await each.goto(`/tasks/${id}`);
      await status(each, 'Running').waitFor();
    }
    await button(page, 'Archive').click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Archive' }).click();
    await status(page, 'Archived').waitFor();
    await status(second, 'Archived').waitFor();
  });

  it('adds one session to a task that is not ready yet, also at a double click', async () => {
    const gate = Promise.withResolvers<void>();
    site.app.provider.on('createSandbox', waitsFor(gate.promise));
    const { page } = await site.visit();
    await page.goto(`/tasks/${await create()}`);
    const tabs = page.getByRole('tablist', { name: 'Sessions' }).getByRole('tab');
    await tabs.first().waitFor();
    await button(page, 'New session').dblclick();
    await tabs.nth(1).and(page.locator('[aria-selected=true]')).waitFor();
    await page.getByRole('tabpanel').getByText('Preparing environment').waitFor();
    gate.resolve();
    await page.getByRole('tabpanel').getByText('Ready').waitFor();
    expect(await tabs.count()).toBe(2);
  });

  it('says that there is no task with an unknown id', async () => {
    const { page } = await site.visit();
    await page.goto('/tasks/task_00000000000000000000000000');
    await page.getByRole('heading', { name: 'There is no task with this id.' }).waitFor();
    await page.goto('/nowhere');
    await page.getByRole('heading', { name: 'There is no page at this address.' }).waitFor();
  });

  /** Of a page that has a prompt or a title which begins with an image that would change the title of the page. */
  async function expectPlainText(page: Page): Promise<void> {
    await page.getByText('<img src=x').first().waitFor();
    expect(await page.title()).not.toBe('1');
    expect(await page.locator('main :is(img, script)').count()).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  }

  it('shows markup, right-to-left text and 10,000 characters as plain text that does not break it', async () => {
    site.app.provider.on('createSandbox', hangs());
    const { page } = await site.visit({ viewport: { width: 360, height: 700 } });
    const markup =
      '<img src=x onerror="document.title=1"><script>document.title=1</script>\u202e\u05d0\u05d1 **x**\u2028\u2029\u200b\u200d ';
    const prompt = markup + 'W'.repeat(10_000 - markup.length);
    const branchName = `${'very-long-name/'.repeat(6)}${'w'.repeat(80)}`;
    const id = await site.app.create({ repoUrl: site.repository.path, prompt, branchName });
    await page.goto(`/tasks/${id}`);
    await expectPlainText(page);
    await page.getByRole('link', { name: 'All tasks' }).click();
    await page.getByRole('list', { name: 'Tasks' }).waitFor();
    await expectPlainText(page);
  });

  it('shows the longest title, of markup and right-to-left text, as plain text that does not break it', async () => {
    const markup =
      '<img src=x onerror="document.title=1"><script>document.title=1</script>\u05d0\u05d1 **x** {{1}} ';
    // More than 200 characters are refused.
    const title = markup + 'W'.repeat(200 - markup.length);
    const { page } = await site.visit({ viewport: { width: 360, height: 700 } });
    const id = await site.app.create({ repoUrl: site.repository.path, prompt: 'Say hello', title });
    await page.goto(`/tasks/${id}`);
    // All of it is there for a screen reader, and its first lines for the eye.
    const heading = page.getByRole('heading', { level: 1 });
    await heading.getByText('<img src=x').waitFor();
    expect(await heading.textContent()).toBe(title);
    expect(await heading.evaluate((element) => element.clientHeight)).toBeLessThan(120);
    await expectPlainText(page);
    await page.getByRole('link', { name: 'All tasks' }).click();
    await page.getByRole('list', { name: 'Tasks' }).getByText('{{1}}').waitFor();
    await expectPlainText(page);
  });

  it('copies the branch by a click', async () => {
    const { page, context } = await site.visit();
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const branchName = 'fix/copy-me';
    await page.goto(
      `/tasks/${await site.app.create({ repoUrl: site.repository.path, prompt: 'Say hello', branchName })}`,
    );
    // It says so for two seconds only.
    await Promise.all([
      page.getByRole('button', { name: `${branchName} Copied` }).waitFor(),
      page.getByRole('button', { name: `${branchName} : copy the branch` }).click(),
    ]);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(branchName);
  });
});
