import type { Page, WebSocketRoute } from 'playwright-core';
import { expect, it } from 'vitest';
import { GroundcrewProcesses } from '../support/groundcrew-processes.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';
import { describeInBrowser, Site, visit } from './browser.ts';

const sign = (page: Page) => page.getByRole('status').getByText('Connection lost');
const history = (page: Page) => page.getByRole('list', { name: 'History' }).getByRole('listitem');

describeInBrowser('a page whose connection is lost', () => {
  const site = Site.forTests('api');

  async function expectWholeHistory(page: Page, id: string): Promise<void> {
    const revision = await site.app.stored.revisionOf(id);
    await history(page)
      .nth(revision - 1)
      .waitFor();
    expect(await history(page).count()).toBe(revision);
  }

  it('says so while the server is away, and misses no revision once it is back', async () => {
    const { stored } = site.app;
    await using processes = await GroundcrewProcesses.create({ DATABASE_URL: stored.url });
    let api = await processes.startApi();
    const { page } = await visit(site.browser, { url: api.url, token: GroundcrewProcesses.token });
    const { id } = await stored.create();
    await page.goto(`/tasks/${id}`);
    await history(page).first().waitFor();

    api.kill('SIGKILL');
    await api.exit;
    await sign(page).waitFor();
    await page.getByRole('heading', { name: 'Fix the tests' }).waitFor();
    await stored.reviseTimes(id, 5);
    api = await processes.startApi({ PORT: new URL(api.url).port });
    await expectWholeHistory(page, id);
    await sign(page).waitFor({ state: 'detached' });
    await stored.revise(id);
    await expectWholeHistory(page, id);
  });

  it('shows what has happened while its socket was cut, on the page of a task and in the list', async () => {
    const { stored } = site.app;
    const { page } = await site.visitAnew();
    const sockets: WebSocketRoute[] = [];
    let isCut = false;
    await page.routeWebSocket('**/graphql', (socket) => {
      if (isCut) return socket.close({ code: 1012 });
      socket.connectToServer();
      sockets.push(socket);
    });
    const cut = async () => {
      isCut = true;
      for (const socket of sockets.splice(0)) await socket.close({ code: 1012 });
      await sign(page).waitFor();
    };
    const { id } = await stored.create();
    await page.goto(`/tasks/${id}`);
    await history(page).first().waitFor();
    await cut();
    await stored.reviseTimes(id, 5);
    isCut = false;
    await expectWholeHistory(page, id);

    await page.getByRole('link', { name: 'All tasks' }).click();
    const rows = page.getByRole('list', { name: 'Tasks' }).getByRole('listitem');
    await rows.filter({ hasText: 'Settling the name' }).first().waitFor();
    await cut();
    await stored.create({ prompt: 'Made while the socket was cut' });
    isCut = false;
    await rows.getByRole('link', { name: 'Made while the socket was cut' }).waitFor();
    await sign(page).waitFor({ state: 'detached' });
  });

  it('says so while the browser is offline, and catches up afterwards', async () => {
    const { stored } = site.app;
    const { page, context } = await site.visit();
    const { id } = await stored.create();
    await page.goto(`/tasks/${id}`);
    await history(page).first().waitFor();
    await context.setOffline(true);
    await sign(page).waitFor();
    await stored.reviseTimes(id, 3);
    await context.setOffline(false);
    await sign(page).waitFor({ state: 'detached' });
    await expectWholeHistory(page, id);
  });

  it('says so after the computer has slept and while the network swallows everything, and catches up without a closed socket ever being seen', async () => {
    const { stored, token } = site.app;
    await using proxy = await startSilentProxy(site.app.url);
    const { page } = await visit(site.browser, { url: proxy.url, token });
    await page.clock.install();
    const { id } = await stored.create();
    await page.goto(`/tasks/${id}`);
    await history(page).first().waitFor();
    const slept = ['01:00:00'];
    const awake = Array.from({ length: 5 }, () => 5_000);
    for (const pauses of [slept, awake]) {
      proxy.silent = true;
      await stored.reviseTimes(id, 5);
      // The timers that are due run once, as after the lid of a laptop was closed.
      for (const pause of pauses) await page.clock.fastForward(pause);
      await sign(page).waitFor();
      await page.getByRole('heading', { name: 'Fix the tests' }).waitFor();
      proxy.silent = false;
      await expectWholeHistory(page, id);
      await sign(page).waitFor({ state: 'detached' });
    }
  });
});
