import { expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, Site } from './browser.ts';

describeInBrowser('GraphiQL', () => {
  const site = Site.forTests('api');

  it('is in the frame of the page, and runs its operations with the login and the variables that it opens with', async () => {
    const failed = await site.app.createIn('error');
    const newest = await site.app.create();
    const { page } = await site.visit({ viewport: { width: 1400, height: 900 } });
    await page.goto('/');
    await page.getByRole('link', { name: 'GraphiQL' }).click();
    const graphiql = page.frameLocator('iframe[title=GraphiQL]');
    const run = async (name: string) => {
      // Clicks that come before its editors are there have no effect.
      await waitFor(async () => {
        await graphiql.getByRole('button', { name, exact: true }).click();
        return graphiql.getByRole('tab', { name, selected: true }).isVisible();
      });
      await graphiql.getByRole('button', { name: /Execute query/ }).click();
    };
    const answer = graphiql.locator('.graphiql-response');
    await run('ListTasks');
    await answer.getByText(newest).waitFor();
    await run('WatchTask');
    await answer.getByText('INIT_ENQUEUE_PROVISION').waitFor();
    await run('RetryTask');
    await answer.getByText(failed).waitFor();
    await run('CreateTask');
    await answer.getByText('createTask').waitFor();
    const query = '{ tasks(first: 1) { nodes { prompt project { repoUrl } } } }';
    expect(await site.app.ask(query)).toMatchObject({ tasks: { nodes: [{ prompt: 'Say hello' }] } });
  });
});
