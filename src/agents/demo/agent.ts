import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentApp, agent, methods, PROTOCOL_VERSION } from '@agentclientprotocol/sdk';
import { playScenes } from './scenes.ts';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;

/** The file in the checkout to which the demo agent writes each prompt that it is given. */
const notesFile = 'GROUNDCREW.md';

/**
 * An agent without account and model: it writes the prompt to a file of the checkout and says so in a few messages; words
 * in the prompt make it do more. It is started and asked in the same way as every other agent.
 */
export function demoAgent(newSessionId: () => string): AgentApp {
  const folders = new Map<string, string>();
  const canceled = new Set<string>();

  return agent({ name: 'groundcrew-demo' })
    .onRequest(methods.agent.initialize, () => ({
      protocolVersion: PROTOCOL_VERSION,
      agentCapabilities: { loadSession: false },
      authMethods: [],
    }))
    .onRequest(methods.agent.session.new, ({ params }) => {
      const sessionId = newSessionId();
      folders.set(sessionId, params.cwd);
      return { sessionId };
    })
    .onNotification(methods.agent.session.cancel, ({ params }) => {
      canceled.add(params.sessionId);
    })
    .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
      const { sessionId } = params;
      const folder = folders.get(sessionId);
      if (folder === undefined) throw new Error(`The session ${sessionId} does not exist.`);
      canceled.delete(sessionId);
      const text = params.prompt
        .map((block) => (block.type === 'text' ? block.text : `[${block.type}]`))
        .join('\n');

      const steps = [
        async () => `I have read the task: ${firstLine(text)}\n`,
        async () => `I write it down in ${notesFile}.\n`,
        async () =>
          (await addNote(join(folder, notesFile), text))
            ? 'Done. A real agent would begin here.\n'
            : `${notesFile} is a link, which may lead out of the checkout, so I do not write to it.\n`,
      ];
      for (const step of steps) {
        if (canceled.has(sessionId)) return { stopReason: 'cancelled' };
        await client.notify(methods.client.session.update, {
          sessionId,
          update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: await step() } },
        });
      }
      await playScenes(text, {
        isCanceled: () => canceled.has(sessionId),
        say: (update) => client.notify(methods.client.session.update, { sessionId, update }),
        ask: (request) => client.request(methods.client.session.requestPermission, { sessionId, ...request }),
      });
      return { stopReason: canceled.has(sessionId) ? 'cancelled' : 'end_turn' };
    });
}

/** False when the path is a link, which could lead out of the checkout. */
async function addNote(path: string, text: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOOP') return false;
    throw error;
  }
  try {
    const heading = (await file.stat()).size > 0 ? '' : '# Notes of the demo agent\n';
    await file.appendFile(`${heading}\n## Task\n\n${text}\n`);
  } finally {
    await file.close();
  }
  return true;
}

function firstLine(text: string): string {
  return (text.trim().split('\n')[0] ?? '').slice(0, 120);
}
