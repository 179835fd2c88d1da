import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { startScriptedAgentServer } from '../support/scripted-agent-server.ts';
import { returns } from '../support/scripted-provider.ts';
import { waitFor } from '../support/wait-for.ts';
import { announcements } from './announcements.ts';
import { describeInBrowser, Site } from './browser.ts';

/** The parts of the accessibility tree that announce their changes. */
async function liveRegions(page: Page): Promise<{ role: string; live: string }[]> {
  const cdp = await page.context().newCDPSession(page);
  const { nodes } = await cdp.send('Accessibility.getFullAXTree');
  await cdp.detach();
  return nodes.flatMap(({ role, properties = [] }) => {
    const live = properties.find(({ name }) => name === 'live');
    return live ? [{ role: String(role?.value), live: String(live.value.value) }] : [];
  });
}

describeInBrowser('the transcript on the page of a task', () => {
  const site = Site.forTests('start');

  async function open() {
    const agents = await startScriptedAgentServer();
    site.app.provider.on('ensureAgent', returns(agents.endpoint));
    site.app.provider.on('createSession', agents.opensSessions());
    const id = await site.app.create({ repoUrl: site.repository.path, prompt: 'Say hello' });
    const agent = await agents.agent();
    const prompt = await agent.nextPrompt();
    const { page } = await site.visit({ viewport: { width: 900, height: 700 } });
    await page.goto(`/tasks/${id}`);
    const log = page.getByRole('log', { name: 'Transcript', exact: true });
    const end = async () => {
      await site.cancelAtEnd(id)[Symbol.asyncDispose]();
      await agents[Symbol.asyncDispose]();
    };
    return { agents, agent, prompt, page, log, [Symbol.asyncDispose]: end };
  }

  it('shows prompt, thoughts, tool calls, plan and answer as they come, and still after a reload', async () => {
    await using opened = await open();
    const { agent, prompt, page, log } = opened;
    await log.getByText('Say hello').waitFor();
    agent.say({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: 'A greeting' } });
    agent.say({
      sessionUpdate: 'tool_call',
      toolCallId: 't',
      title: 'Write the note',
      kind: 'edit',
      status: 'completed',
      content: [
        { type: 'diff', path: 'note.md', oldText: 'the same\nold words', newText: 'the same\nnew words' },
      ],
      rawOutput: { written: 12 },
    });
    const entry = { content: 'Greet everybody', status: 'in_progress', priority: 'high' };
    agent.say({ sessionUpdate: 'plan', entries: [entry] });
    agent.sayText('Hello, ');
    await log.getByText('Hello,').waitFor();
    agent.sayText('world');
    await log.getByText('Hello, world').waitFor();
    await log.getByText('Greet everybody').waitFor();
    expect(await log.getByText('A greeting').isVisible()).toBe(false);
    await log.getByText('Thought').click();
    await log.getByText('A greeting').waitFor();
    await log.getByText('Write the note').click();
    await log.getByRole('deletion').getByText('old words', { exact: true }).waitFor();
    await log.getByRole('insertion').getByText('new words', { exact: true }).waitFor();
    await log.getByText('the same').waitFor();
    await log.getByText('{"written":12}').waitFor();
    agent.respond(prompt.id, { stopReason: 'end_turn' });
    await log.getByText('The agent has finished.').waitFor();
    await page.reload();
    await log.getByText('Hello, world').waitFor();
    await log.getByText('The agent has finished.').waitFor();
  });

  it('shows Markdown as it streams, closing what is still open', async () => {
    await using opened = await open();
    const { agent, log } = opened;
    agent.sayText('# The plan\n\nIt is **bo');
    await log.getByRole('heading', { name: 'The plan' }).waitFor();
    await log.getByRole('strong').getByText('bo', { exact: true }).waitFor();
    agent.sayText(
      'ld**.\n\n```ts\nconst a = "**b**";\n```\n\n| x | y |\n| - | - |\n| 1 | 2 |\n\n- [x] done\n',
    );
    await log.getByRole('strong').getByText('bold', { exact: true }).waitFor();
    await log.getByText('const a = "**b**";').waitFor();
    await log.getByRole('cell', { name: '2' }).waitFor();
    await log.getByRole('listitem').getByText('☑ done').waitFor();
    // The heading of the page stays the only one of its level.
    expect(await log.page().getByRole('heading', { level: 1 }).count()).toBe(1);
  });

  it('is spoken in no piece by a screen reader, which says only when the agent asks and when it has finished', async () => {
    await using opened = await open();
    const { agent, prompt, page, log } = opened;
    await log.getByText('Say hello').waitFor();
    // The status of the task is said too, whenever it comes.
    await page.getByRole('status').getByText('Running', { exact: true }).waitFor();
    const heard = await announcements(page);
    for (const piece of ['I ', 'look ', 'around. ', 'Then I ask.']) {
      agent.sayText(piece);
      await log.getByText(piece.trim()).waitFor();
    }
    agent.send({
      id: 7,
      method: 'session/request_permission',
      params: {
        sessionId: agent.sessionId,
        toolCall: { toolCallId: 'delete', title: 'Delete all logs' },
        options: [{ optionId: 'no', name: 'Reject', kind: 'reject_once' }],
      },
    });
    await page.getByRole('button', { name: 'Reject', exact: true }).click();
    await waitFor(() => agent.ledger.some(({ id: rpc, method }) => rpc === 7 && method === undefined));
    agent.respond(prompt.id, { stopReason: 'end_turn' });
    await log.getByText('The agent has finished.').waitFor();
    await waitFor(async () => (await heard()).includes('The agent has finished.'));
    expect(await heard()).toEqual([
      'The agent waits for an answer: Delete all logs',
      'The agent has finished.',
    ]);
    // As the browser hands it over.
    const regions = await liveRegions(page);
    expect(regions).toContainEqual({ role: 'paragraph', live: 'polite' });
    expect(regions.filter(({ role, live }) => role === 'log' || live !== 'polite')).toEqual([]);
  });

  it('shows markup, links and images of an agent without running, loading or hiding anything', async () => {
    await using opened = await open();
    const { agent, prompt, page, log } = opened;
    const requested: string[] = [];
    const refused: string[] = [];
    page.on('request', (request) => requested.push(request.url()));
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) refused.push(message.text());
    });
    agent.sayText(
      '<img src=x onerror="document.title=1"><script>document.title=1</script>![a chart](http://127.0.0.1:9/i.png) <b>bold</b>\n\n' +
        '[fine](https://example.com/a) [script](javascript:document.title=1) [data](data:text/html,x) [own](/login) [sly](//example.com)\n\n' +
        '<style>body { display: none }</style>\n\n<iframe src="http://127.0.0.1:9/"></iframe>\n\nThe end.',
    );
    agent.respond(prompt.id, { stopReason: 'end_turn' });
    await log.getByText('The agent has finished.').waitFor();
    await log.getByText('Image: a chart').waitFor();
    for (const text of ['onerror=', '<b>bold</b>', '<style>body', '<iframe src=', 'The end.'])
      await log.getByText(text).waitFor();
    const link = log.getByRole('link');
    expect(await link.allTextContents()).toEqual(['fine']);
    expect(await link.getAttribute('rel')).toBe('noopener noreferrer nofollow');
    expect(await page.title()).not.toBe('1');
    expect(await log.locator('img, script, style, iframe').count()).toBe(0);
    expect(requested.filter((url) => !url.startsWith(site.app.url))).toEqual([]);
    expect(refused).toEqual([]);
  });

  it('follows the end while the reader is there, and does not move while the reader is elsewhere', async () => {
    await using opened = await open();
    const { agent, log } = opened;
    let count = 0;
    const say = (messages: number) => {
      for (let each = 0; each < messages; each += 1) {
        count += 1;
        agent.sayText(`message ${count}.`, { messageId: String(count) });
      }
    };
    const scroll = () =>
      log.evaluate(({ scrollTop, scrollHeight, clientHeight }) => ({
        scrollTop,
        rest: scrollHeight - scrollTop - clientHeight,
      }));
    say(300);
    await log.getByText('message 300.').waitFor();
    say(20);
    await log.getByText('message 320.').waitFor();
    await waitFor(async () => (await scroll()).rest < 2);
    // Not all of it is in the document.
    expect(await log.locator('[data-index]').count()).toBeLessThan(60);

    await log.hover();
    await log.page().mouse.wheel(0, -2_000);
    await waitFor(async () => (await scroll()).rest > 1_000);
    const before = await scroll();
    say(20);
    await waitFor(async () => (await scroll()).rest > before.rest + 200);
    expect((await scroll()).scrollTop).toBe(before.scrollTop);

    await log.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
    await log.getByText('message 340.').waitFor();
    say(1);
    await log.getByText('message 341.').waitFor();
  });
});
