import { owningSession } from '../resolvers/owning-session.ts';
import type { Prompt, PromptState } from '../tasks/domain/transcript/prompt.ts';
import { builder } from './builder.ts';
import { enumOf } from './enums.ts';
import { Node } from './node.ts';
import { SessionRef, TaskErrorRef } from './refs.ts';

const PromptStateEnum = enumOf<PromptState>('PromptState', 'The state of a prompt.', {
  queued: 'It waits: the session is not ready, or the agent works on another one.',
  sending: 'It is being handed over.',
  accepted: 'The agent works on it.',
  done: 'Its turn has ended.',
  removed: 'Taken back by `removePrompt`.',
  failed:
    'The agent refused it, its turn ended with an error, or the session became ERROR or CLOSED before the agent got it.',
  unknown:
    'Something died while it was handed over, and nothing tells whether the agent has got it. It is not sent again by itself. It\nstill becomes ACCEPTED or DONE if the agent shows that it has; the queue goes on meanwhile.',
});

export const PromptRef = builder.objectRef<Prompt>('Prompt');
PromptRef.implement({
  description: 'What a person asks of an agent. The work of the agent on it is a turn.',
  interfaces: [Node],
  fields: (t) => ({
    session: t.field({
      type: SessionRef,
      description: 'The session, as it is now.',
      resolve: (prompt, _args, context) => owningSession(prompt, context),
    }),
    text: t.exposeString('text', { description: 'What is asked.' }),
    state: t.expose('state', { type: PromptStateEnum, description: 'How far it has come.' }),
    error: t.expose('error', {
      type: TaskErrorRef,
      nullable: true,
      description: 'Set when the state is FAILED.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was stored.' }),
  }),
});
