import { it } from 'vitest';
import { describeInBrowser, Site } from './browser.ts';
import { storeConversation } from './stored-conversation.ts';

describeInBrowser('a page that is opened at the address of a task', () => {
  const site = Site.forTests('api');

  it('asks for the task and for its conversation while the script that shows them is still loading', async () => {
    const id = await site.app.createIn('running');
    await storeConversation(site.app.stored, id, [['agent_message', 'It is done.', {}]]);
    const { page } = await site.visit();
    const asked = Promise.withResolvers<void>();
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => {
        if (String(payload).includes('query TranscriptPage')) asked.resolve();
      });
    });
    await page.route('**/assets/main-*.js', async (route) => {
      await asked.promise;
      await route.continue();
    });
    await page.goto(`/tasks/${id}`);
    const log = page.getByRole('log', { name: 'Transcript', exact: true });
    await log.getByText('It is done.').waitFor();
  });
});
