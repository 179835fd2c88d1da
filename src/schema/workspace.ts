import type { Workspace } from '../tasks/domain/viewer.ts';
import { builder } from './builder.ts';
import { Node } from './node.ts';

export const WorkspaceRef = builder.objectRef<Workspace>('Workspace');

WorkspaceRef.implement({
  description: 'A tenant. Its projects and tasks are invisible to other workspaces.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'A name for people.' }),
  }),
});
