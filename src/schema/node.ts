import { type IdKind, kindOfId } from '../tasks/domain/id.ts';
import { builder } from './builder.ts';

export interface NodeShape {
  readonly id: string;
}

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
} as const satisfies Record<Exclude<IdKind, 'login' | 'audit'>, string>;

Node.implement({
  description: 'An object that can be fetched by its id alone.',
  resolveType: ({ id }) => typeOfKind[kindOfId(id) as keyof typeof typeOfKind],
  fields: (t) => ({
    id: t.exposeID('id', {
      description:
        'An opaque id with the kind as its prefix, such as `task_01jd…` (TypeID). Ids of one kind sort by creation time.',
    }),
  }),
});
