import { type IdKind, kindOfId } from '../tasks/domain/id.ts';
import type { ItemKind, TranscriptItem } from '../tasks/domain/transcript/item.ts';
import { builder } from './builder.ts';

export interface NodeShape {
  readonly id: string;
}

/** The type of an item of a transcript, by its kind. */
export const typeOfItemKind = {
  user_message: 'UserMessage',
  agent_message: 'AgentMessage',
  agent_thought: 'AgentThought',
  tool_call: 'ToolCall',
  plan: 'Plan',
  turn_end: 'TurnEnd',
  notice: 'Notice',
} as const satisfies Record<ItemKind, string>;

export const Node = builder.interfaceRef<NodeShape>('Node');

const typeOfKind = {
  workspace: 'Workspace',
  project: 'Project',
  task: 'Task',
  session: 'Session',
  event: 'TaskEvent',
  token: 'ApiToken',
  webhook: 'Webhook',
  delivery: 'WebhookDelivery',
  prompt: 'Prompt',
  request: 'AgentRequest',
} as const satisfies Record<Exclude<IdKind, 'login' | 'audit' | 'item'>, string>;

Node.implement({
  description: 'An object that can be fetched by its id alone.',
  resolveType: (node) =>
    kindOfId(node.id) === 'item'
      ? typeOfItemKind[(node as TranscriptItem).kind]
      : typeOfKind[kindOfId(node.id) as keyof typeof typeOfKind],
  fields: (t) => ({
    id: t.exposeID('id', {
      description:
        'An opaque id with the kind as its prefix, such as `task_01jd…` (TypeID). Ids of one kind sort by creation time.',
    }),
  }),
});
