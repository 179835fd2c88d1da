import { expect, it } from 'vitest';
import { apiUrl, GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { describeInBrowser, Site, visit } from './browser.ts';

describeInBrowser('the login', () => {
  const site = Site.forTests('api');

  it('leads back to the page that asked for it', async () => {
    const { page } = await site.visitSignedOut();
    await page.goto('/?status=ERROR');
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.getByLabel('API token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This token is not valid.').waitFor();
    expect(await page.getByLabel('API token').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('API token').fill(site.app.token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Status').waitFor();
    expect(new URL(page.url()).search).toBe('?status=ERROR');
    expect(await page.getByLabel('Status').inputValue()).toBe('ERROR');
  });

  // `return-path.unit.test.ts` has other addresses.
  it('leads to no other site', async () => {
    const { page } = await site.visit();
    await page.goto(`/login?${new URLSearchParams({ next: '/\\evil.example' })}`);
    await page.getByLabel('API token').fill(site.app.token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('link', { name: 'New task' }).waitFor();
    expect(new URL(page.url()).origin).toBe(site.app.url);
  });

  it('that ends while a task is typed loses nothing', async () => {
    const { page, context } = await site.visit();
    await page.goto('/new');
    await page.getByLabel('Repository').fill(site.repository.path);
    await page.getByLabel('Prompt').fill('Say hello after the login');
    await context.clearCookies();
    await page.getByRole('button', { name: 'Create task' }).click();
    await page.getByLabel('API token').fill(site.app.token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect(await page.getByLabel('Prompt').inputValue()).toBe('Say hello after the login');
    await page.getByRole('button', { name: 'Create task' }).click();
    await page.getByRole('heading', { name: 'Say hello after the login' }).waitFor();
  });

  it('is ended by Sign out, in every tab, and what was typed is gone', async () => {
    const { page, context } = await site.visit();
    const tab = await context.newPage();
    await tab.goto('/new');
    await tab.getByLabel('Prompt').fill('Another secret plan');
    await tab.getByRole('link', { name: 'Tasks', exact: true }).click();
    await tab.waitForURL('/');
    await page.goto('/new');
    await page.getByLabel('Prompt').fill('A secret plan');
    const cookies = await context.cookies();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await Promise.all([page, tab].map((each) => each.getByLabel('API token').waitFor()));
    for (const each of [page, tab])
      expect(await each.evaluate(() => JSON.stringify([localStorage, sessionStorage]))).not.toContain(
        'secret',
      );
    // Somebody who has copied the cookie has nothing.
    await context.addCookies(cookies);
    await page.goto('/');
    await page.getByLabel('API token').waitFor();
  });

  it('is done by the link of npm start, once', async () => {
    await using processes = await GroundcrewProcesses.create({ DATABASE_URL: site.app.stored.url });
    const server = processes.start('start');
    const url = await apiUrl(server);
    const [, link = ''] = await server.waitForLine(/^sign in: (\S+)$/);
    const first = await visit(site.browser, { url });
    const requests: string[] = [];
    first.page.on('request', (request) => requests.push(request.url()));
    await first.page.goto(link);
    await first.page.getByRole('link', { name: 'New task' }).waitFor();
    expect(new URL(first.page.url()).pathname).toBe('/');
    expect(requests.join()).not.toContain(link.split('#')[1]);
    const second = await visit(site.browser, { url });
    await second.page.goto(link);
    await second.page.getByText('This link was used before').waitFor();
    server.kill('SIGTERM');
    await server.exit;
  });
});
