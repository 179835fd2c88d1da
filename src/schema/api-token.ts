import { tokenTask } from '../resolvers/token-task.ts';
import type { CreatedToken } from '../tasks/tokens.ts';
import { builder } from './builder.ts';
import { connectionOf } from './connection.ts';
import { TokenScopeEnum } from './enums.ts';
import { Node } from './node.ts';
import { ApiTokenRef, TaskRef } from './refs.ts';

export const ApiTokenConnection = connectionOf('ApiToken', ApiTokenRef);

ApiTokenRef.implement({
  description: 'A credential of one workspace, without its text.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What people call it. `TaskEvent.actor` shows it.' }),
    scopes: t.field({
      type: [TokenScopeEnum],
      description: 'What it may do.',
      complexity: { multiplier: 1 },
      resolve: ({ scopes }) => scopes,
    }),
    task: t.field({
      type: TaskRef,
      nullable: true,
      description: 'The one task that a task token sees. Null for other tokens.',
      resolve: (token, _args, context) => tokenTask(token, context),
    }),
    prefix: t.exposeString('prefix', { description: 'The first characters of its text, to tell it by.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it stops to open anything by itself. Null: never.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When `revokeApiToken` ended it.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to the minute. Null: never yet.',
    }),
  }),
});

export const CreatedTokenRef = builder.objectRef<CreatedToken>('CreatedToken');

CreatedTokenRef.implement({
  description: 'A new token, with its text.',
  fields: (t) => ({
    apiToken: t.expose('apiToken', { type: ApiTokenRef, description: 'What is stored of it.' }),
    token: t.exposeString('token', {
      description:
        'Its text: `gc_` and 49 letters and digits. It is in this answer and nowhere else: only its hash is stored.',
    }),
  }),
});
