import type { CreateApiTokenInput, CreateTaskTokenInput, CreateWorkspaceInput } from '../tasks/tokens.ts';
import { builder } from './builder.ts';
import { TokenScopeEnum } from './enums.ts';

export const CreateWorkspaceInputRef = builder.inputRef<CreateWorkspaceInput>('CreateWorkspaceInput');

CreateWorkspaceInputRef.implement({
  description: 'A tenant.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'One line, at most 100 characters.' }),
  }),
});

export const CreateApiTokenInputRef = builder.inputRef<CreateApiTokenInput>('CreateApiTokenInput');

CreateApiTokenInputRef.implement({
  description: 'A token of a workspace.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'What people call it: one line, at most 100 characters. Not `owner` or `system`.',
    }),
    scopes: t.field({
      type: [TokenScopeEnum],
      required: true,
      description: 'What it may do: at least one.',
    }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it ends. By default never.' }),
    workspaceId: t.id({
      description: "The workspace. By default the viewer's own; only the owner may name another one.",
    }),
  }),
});

export const CreateTaskTokenInputRef = builder.inputRef<CreateTaskTokenInput>('CreateTaskTokenInput');

CreateTaskTokenInputRef.implement({
  description: 'A token that sees one task.',
  fields: (t) => ({
    taskId: t.id({ required: true, description: 'The task.' }),
    expiresInSeconds: t.int({
      defaultValue: 3_600,
      description: 'From 60 to 2,592,000 (30 days).',
    }),
  }),
});
