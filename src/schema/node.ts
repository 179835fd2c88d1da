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
} as const satisfies Record<IdKind, string>;

Node.implement({
  description: 'Anything that can be fetched again by its id alone.',
  resolveType: ({ id }) => typeOfKind[kindOfId(id) as IdKind],
  fields: (t) => ({
    id: t.exposeID('id', {
      description: 'Opaque, prefixed with its kind and sortable by creation: `task_01jd…` (TypeID).',
    }),
  }),
});
