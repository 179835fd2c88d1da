import type { FrameLocator, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, Site } from './browser.ts';

describeInBrowser('GraphiQL', () => {
  const site = Site.forTests('api');

  async function open(page: Page): Promise<FrameLocator> {
    await page.goto('/');
    await page.getByRole('link', { name: 'GraphiQL' }).click();
    return page.frameLocator('iframe[title=GraphiQL]');
  }

  /** Runs the operation of this name as it stands, and waits for an answer that has the text and no error. */
  async function run(graphiql: FrameLocator, name: string, text: string): Promise<void> {
    // Clicks that come before its editors are there have no effect.
    await waitFor(async () => {
      await graphiql.getByRole('button', { name, exact: true }).click();
      return graphiql.getByRole('tab', { name, selected: true }).isVisible();
    });
    const answer = graphiql.locator('.graphiql-response');
    // So have clicks that come before the editors have what the tab holds.
    await waitFor(async () => {
      const execute = graphiql.getByRole('button', { name: /Execute query/ });
      if (await execute.isVisible()) await execute.click();
      await answer.getByText(text).first().waitFor({ timeout: 5_000 });
      return true;
    }, 60_000);
    expect(await answer.textContent()).not.toContain('"errors"');
    // A subscription runs until it is stopped.
    const stop = graphiql.getByRole('button', { name: /Stop query/ });
    if (await stop.isVisible()) await stop.click();
  }

  it('runs its operations as they stand, on a server that has no task yet and at a later visit with tasks', async () => {
    const { page } = await site.visit({ viewport: { width: 1400, height: 900 } });
    const graphiql = await open(page);
    await run(graphiql, 'ListTasks', 'nodes');
    await run(graphiql, 'RetryTask', 'data');
    await run(graphiql, 'CreateTask', 'createTask');
    const query = '{ tasks(first: 1) { nodes { prompt project { repoUrl } } } }';
    expect(await site.app.ask(query)).toMatchObject({ tasks: { nodes: [{ prompt: 'Say hello' }] } });

    // The next time it is opened it has the visitor's tasks to watch and to retry.
    const [failed, newest] = [await site.app.createIn('error'), await site.app.create()];
    const later = await open(page);
    await run(later, 'WatchTask', 'INIT_ENQUEUE_PROVISION');
    await run(later, 'RetryTask', failed);
    await run(later, 'ListTasks', newest);
  });
});
