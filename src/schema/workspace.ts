import type { Viewer } from '../resolvers/context.ts';
import type { ProviderName } from '../resolvers/providers.ts';
import type { Workspace } from '../tasks/store/task-queries.ts';
import { builder } from './builder.ts';
import { Node } from './node.ts';

const WorkspaceRef = builder.objectRef<Workspace>('Workspace');
WorkspaceRef.implement({
  description: 'A tenant: its projects and tasks are seen by nobody else.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'For people.' }),
  }),
});

export const ViewerRef = builder.objectRef<Viewer>('Viewer');
ViewerRef.implement({
  description: 'Who a request is made as.',
  fields: (t) => ({
    workspace: t.expose('workspace', { type: WorkspaceRef, description: 'The workspace that it may see.' }),
  }),
});

export const ProviderRef = builder.objectRef<ProviderName>('Provider');
ProviderRef.implement({
  description: 'Somebody who makes sandboxes.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'For `CreateTaskInput.provider`.' }),
    isDefault: t.exposeBoolean('isDefault', { description: 'Whether it is taken when none is named.' }),
  }),
});
