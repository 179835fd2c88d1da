import { viewerToken } from '../resolvers/viewer-token.ts';
import type { Viewer } from '../tasks/domain/viewer.ts';
import { builder } from './builder.ts';
import { TokenScopeEnum } from './enums.ts';
import { ApiTokenRef } from './refs.ts';
import { WorkspaceRef } from './workspace.ts';

export const ViewerRef = builder.objectRef<Viewer>('Viewer');

ViewerRef.implement({
  description: 'The owner of the token that authenticates the request.',
  fields: (t) => ({
    workspace: t.expose('workspace', {
      type: WorkspaceRef,
      description: 'The workspace that the token gives access to.',
    }),
    token: t.field({
      type: ApiTokenRef,
      nullable: true,
      description: "The token. Null for the owner's, which is a setting.",
      resolve: (viewer, _args, context) => viewerToken(viewer, context),
    }),
    scopes: t.field({
      type: [TokenScopeEnum],
      description: 'What the token may do. Everything, for the owner.',
      complexity: { multiplier: 1 },
      resolve: ({ scopes }) => scopes,
    }),
  }),
});
