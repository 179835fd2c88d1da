import { expect, it } from 'vitest';
import { startSilentProxy } from '../support/silent-proxy.ts';
import { describeInBrowser, Site, visit } from './browser.ts';

describeInBrowser('the demo agent on the page of a task', () => {
  const site = Site.forTests('start');

  it('is watched, goes on while the laptop is closed, gets its answer afterwards, and is stopped', async () => {
    await using proxy = await startSilentProxy(site.app.url);
    const { page } = await visit(site.browser, { url: proxy.url, token: site.app.token });
    await page.clock.install();
    await page.goto('/new');
    await page.getByLabel('Repository').fill(site.repository.path);
    await page.getByLabel('Prompt').fill('Show me plan, diff, stream and ask.');
    await page.getByText('More settings').click();
    await page.getByLabel('Provider').selectOption('local');
    await page.getByRole('button', { name: 'Create task' }).click();
    const log = page.getByRole('log', { name: 'Transcript', exact: true });
    await log.getByText('Read the prompt').waitFor();
    await log.getByText('Edit greeting.txt').click();
    await log.getByRole('insertion').getByText('Hello, world', { exact: true }).waitFor();
    await log.getByRole('strong').getByText('one', { exact: true }).first().waitFor();

    // The laptop is closed: nothing comes any more, and an hour has passed when it is opened again.
    proxy.silent = true;
    const requests = `{ agentRequests(first: 10) { nodes { title } } }`;
    await expect
      .poll(() => site.app.ask(requests), { timeout: 60_000 })
      .toMatchObject({ agentRequests: { nodes: [{ title: 'Greet everybody' }] } });
    const request = page.getByRole('group', { name: 'Greet everybody', exact: true });
    await page.clock.fastForward('01:00:00');
    await page.getByRole('status').getByText('Connection lost').waitFor();
    // A browser closes the connections of before such a sleep. `connection.test.ts` has a page whose browser does not.
    proxy.cut();
    proxy.silent = false;
    await request.getByRole('button', { name: 'Allow', exact: true }).waitFor();
    await page.getByRole('status').getByText('Connection lost').waitFor({ state: 'detached' });
    expect((await log.textContent())?.match(/This is one of many pieces\./g)).toHaveLength(10);

    await request.getByRole('button', { name: 'Allow', exact: true }).click();
    await log.getByText('The agent has finished.').waitFor();
    expect(await request.getByRole('button').count()).toBe(0);
    const message = page.getByRole('textbox', { name: 'Message', exact: true });
    await message.fill('Now stream again.');
    await message.press('Enter');
    await log.getByText('Now stream again.', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await log.getByText('The agent was stopped.').waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).waitFor({ state: 'detached' });
  });
});
