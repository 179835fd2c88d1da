import type { Viewer } from '../resolvers/context.ts';
import { builder } from './builder.ts';
import { WorkspaceRef } from './workspace.ts';

export const ViewerRef = builder.objectRef<Viewer>('Viewer');

ViewerRef.implement({
  description: 'The owner of the token that authenticates the request.',
  fields: (t) => ({
    workspace: t.expose('workspace', {
      type: WorkspaceRef,
      description: 'The workspace that the token gives access to.',
    }),
  }),
});
