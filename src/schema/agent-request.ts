import { owningSession } from '../resolvers/owning-session.ts';
import { requestedToolCall } from '../resolvers/requested-tool-call.ts';
import type {
  AgentRequest,
  OptionKind,
  RequestOption,
  RequestState,
} from '../tasks/domain/transcript/request.ts';
import { builder } from './builder.ts';
import { connectionOf } from './connection.ts';
import { enumOf } from './enums.ts';
import { Node } from './node.ts';
import { SessionRef, ToolCallRef } from './refs.ts';

const OptionKindEnum = enumOf<OptionKind>('AgentRequestOptionKind', 'What an option means.', {
  allow_once: 'Allowed this time.',
  allow_always: 'Allowed from now on.',
  reject_once: 'Refused this time.',
  reject_always: 'Refused from now on.',
});

export const RequestStateEnum = enumOf<RequestState>('AgentRequestState', 'The state of a request.', {
  open: 'It waits for an answer; time never answers it.',
  answered: 'Somebody has answered it.',
  canceled: 'Its turn was interrupted or has ended, or the task was canceled or archived.',
  expired: 'The agent that asked is gone.',
});

const OptionRef = builder.objectRef<RequestOption>('AgentRequestOption');
OptionRef.implement({
  description: 'An answer that a request may be given.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'For `answerAgentRequest`.' }),
    name: t.exposeString('name', { description: 'For people.' }),
    kind: t.expose('kind', { type: OptionKindEnum, description: 'What it means.' }),
  }),
});

export const AgentRequestRef = builder.objectRef<AgentRequest>('AgentRequest');
AgentRequestRef.implement({
  description:
    'Something that an agent waits for: leave to use a tool. Kept until it is answered; time never answers it.',
  interfaces: [Node],
  fields: (t) => ({
    session: t.field({
      type: SessionRef,
      description: 'The session, as it is now.',
      resolve: (request, _args, context) => owningSession(request, context),
    }),
    title: t.exposeString('title', { description: 'What permission is asked for.' }),
    toolCall: t.field({
      type: ToolCallRef,
      nullable: true,
      description: 'The tool call that it is about.',
      resolve: (request, _args, context) => requestedToolCall(request, context),
    }),
    options: t.field({
      type: [OptionRef],
      description: 'The answers that it may be given.',
      resolve: ({ options }) => options,
    }),
    state: t.expose('state', { type: RequestStateEnum, description: 'Whether it still waits.' }),
    answer: t.exposeString('answer', {
      nullable: true,
      description: 'The id of the option that was chosen.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the agent asked.' }),
    answeredAt: t.expose('answeredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was answered.',
    }),
  }),
});

export const AgentRequestConnection = connectionOf('AgentRequest', AgentRequestRef);
