import { expect, it } from 'vitest';
import { startScriptedAgentServer } from '../support/scripted-agent-server.ts';
import { hangs, returns, waitsFor } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, Site } from './browser.ts';

describeInBrowser('the conversation on the page of a task', () => {
  const site = Site.forTests('start');

  it('sends messages before the session is ready too, in their order, and takes a queued one back', async () => {
    await using agents = await startScriptedAgentServer();
    const gate = Promise.withResolvers<void>();
    site.app.provider.on('createSandbox', waitsFor(gate.promise));
    site.app.provider.on('ensureAgent', returns(agents.endpoint));
    site.app.provider.on('createSession', agents.opensSessions());
    const { page } = await site.visit();
    const id = await site.app.create({ repoUrl: site.repository.path, prompt: 'First' });
    await using _task = site.cancelAtEnd(id);
    await page.goto(`/tasks/${id}`);
    const message = page.getByRole('textbox', { name: 'Message', exact: true });
    const queue = page.getByRole('list', { name: 'Queued prompts' });
    await message.fill('Second');
    await message.press('Shift+Enter');
    await message.pressSequentially('line');
    await message.press('Enter');
    await queue.getByText('Second').waitFor();
    expect(await message.inputValue()).toBe('');
    await message.fill('Not this');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    const unwanted = queue.getByRole('listitem').filter({ hasText: 'Not this' });
    await unwanted.getByRole('button', { name: 'Remove' }).click();
    await unwanted.waitFor({ state: 'detached' });
    gate.resolve();
    const agent = await agents.agent();
    const first = await agent.nextPrompt();
    agent.respond(first.id, { stopReason: 'end_turn' });
    const second = await agent.nextPrompt();
    expect(second.text).toBe('Second\nline');
    agent.respond(second.id, { stopReason: 'end_turn' });
    await waitFor(async () => (await page.getByRole('button', { name: 'Stop', exact: true }).count()) === 0);
    expect(agent.prompts.map(({ text }) => text)).toEqual(['First', 'Second\nline']);
  });

  it('shows what the agent asks to everybody, and takes one answer; then stops the agent', async () => {
    await using agents = await startScriptedAgentServer();
    site.app.provider.on('ensureAgent', returns(agents.endpoint));
    site.app.provider.on('createSession', agents.opensSessions());
    const id = await site.app.create({ repoUrl: site.repository.path, prompt: 'Clean up' });
    await using _task = site.cancelAtEnd(id);
    const agent = await agents.agent();
    const prompt = await agent.nextPrompt();
    const { page } = await site.visit();
    const { page: list } = await site.visit();
    await page.goto(`/tasks/${id}`);
    await list.goto('/');
    agent.send({
      id: 7,
      method: 'session/request_permission',
      params: {
        sessionId: agent.sessionId,
        toolCall: { toolCallId: 't', title: 'Delete all logs' },
        options: [
          { optionId: 'yes', name: 'Allow', kind: 'allow_once' },
          { optionId: 'no', name: 'Reject', kind: 'reject_once' },
        ],
      },
    });
    const request = page.getByRole('group', { name: 'Delete all logs', exact: true });
    const sign = list.getByRole('list', { name: 'Tasks' }).getByText('Waits for an answer');
    await sign.waitFor();
    await request.getByRole('button', { name: 'Reject', exact: true }).click();
    await waitFor(() => agent.ledger.some(({ id: rpc, method }) => rpc === 7 && method === undefined));
    expect(agent.ledger.find(({ id: rpc, method }) => rpc === 7 && method === undefined)).toMatchObject({
      result: { outcome: { outcome: 'selected', optionId: 'no' } },
    });
    await sign.waitFor({ state: 'detached' });
    expect(await request.getByRole('button').count()).toBe(0);

    // The answer arrives after what it is about has happened.
    const stopped = page.getByRole('log', { name: 'Transcript' }).getByText('The agent was stopped.');
    await page.route('**/graphql', async (route) => {
      if (!route.request().postData()?.includes('mutation InterruptSession')) return route.continue();
      const response = await route.fetch();
      await stopped.waitFor();
      await page.getByRole('button', { name: 'Stop', exact: true }).waitFor({ state: 'detached' });
      await route.fulfill({ response });
    });
    const answered = page.waitForResponse((response) =>
      Boolean(response.request().postData()?.includes('mutation InterruptSession')),
    );
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await waitFor(() => agent.ledger.some(({ method }) => method === 'session/cancel'));
    agent.respond(prompt.id, { stopReason: 'cancelled' });
    await (await answered).finished();
    await page.evaluate(() => new Promise(requestAnimationFrame));
    expect(await page.getByRole('button', { name: 'Stop', exact: true }).count()).toBe(0);
  });

  it('shows a message that the agent has not got, or of which nobody can tell, and what that means', async () => {
    site.app.provider.on('createSession', hangs());
    const id = await site.app.create({ repoUrl: site.repository.path, prompt: 'First' });
    const { page } = await site.visit();
    await page.goto(`/tasks/${id}`);
    const lost = page.getByRole('list', { name: 'Messages not delivered' }).getByRole('listitem');
    const message = page.getByRole('textbox', { name: 'Message', exact: true });
    for (const text of ['Which is never handed over', 'Which dies on the way']) {
      await message.fill(text);
      await message.press('Enter');
      await page.getByRole('list', { name: 'Queued prompts' }).getByText(text).waitFor();
    }
    expect(await lost.count()).toBe(0);
    // As a follower stores a prompt of which nothing tells whether it has arrived.
    await site.app.stored.sql(`update prompt set state = 'unknown' where text = 'Which dies on the way'`);
    await page.getByRole('button', { name: 'Cancel task' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel task' }).click();
    for (const reload of [false, true]) {
      if (reload) await page.reload();
      await lost
        .filter({ hasText: 'Which is never handed over' })
        .getByText('has not got this message')
        .waitFor();
      await lost.filter({ hasText: 'Which dies on the way' }).getByText('Not known whether').waitFor();
    }
  });
});
