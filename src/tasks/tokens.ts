import { z } from 'zod';
import type { Database } from '../tables/database.ts';
import { ForbiddenError, InvalidInputError, NotFoundError } from './domain/errors.ts';
import { isId } from './domain/id.ts';
import type { Timestamp } from './domain/task.ts';
import { foldedText } from './domain/text.ts';
import {
  type ApiToken,
  isOwner,
  ownerActor,
  systemActor,
  type TokenScope,
  tokenScopes,
  type Workspace,
} from './domain/viewer.ts';
import { parseInput, singleLine } from './input.ts';
import { insertApiToken, revokeApiToken as revokeStored } from './store/api-tokens.ts';
import { findTask } from './store/view/task-queries.ts';
import { View } from './store/view/view.ts';
import { insertWorkspace } from './store/workspaces.ts';
import { hashToken, newTokenText, prefixOf } from './token-text.ts';

/** A new token. Its text is here and nowhere else. */
export interface CreatedToken {
  readonly apiToken: ApiToken;
  readonly token: string;
}

const name = singleLine('name', 100);

const tokenName = name.refine(
  (value) => ![ownerActor, systemActor].includes(foldedText(value)),
  `name must not be ${ownerActor} or ${systemActor}: the history gives these names to others.`,
);

const createApiTokenInput = z.object({
  name: tokenName,
  scopes: z
    .array(z.enum(tokenScopes, 'scopes must be TASKS_READ, TASKS_WRITE or ADMIN.'))
    .min(1, 'scopes must name at least one scope.'),
  expiresAt: z.string().nullish(),
  workspaceId: z.string().nullish(),
});
export type CreateApiTokenInput = z.input<typeof createApiTokenInput>;

export interface CreateWorkspaceInput {
  readonly name: string;
}

export interface CreateTaskTokenInput {
  readonly taskId: string;
  readonly expiresInSeconds?: number | null | undefined;
}

export function createWorkspace(view: View, input: CreateWorkspaceInput): Promise<Workspace> {
  const parsed = parseInput(z.object({ name }), input);
  return insertWorkspace(View.databaseOf(view), parsed.name, view.actor);
}

/**
 * A token of the viewer's workspace; the owner may name another one. Throws InvalidInputError, ForbiddenError when another
 * viewer names one, and NotFoundError when the owner names one that does not exist.
 */
export async function createApiToken(view: View, rawInput: CreateApiTokenInput): Promise<CreatedToken> {
  const { workspaceId, ...input } = parseInput(createApiTokenInput, rawInput);
  if (workspaceId != null && workspaceId !== view.workspaceId && !isOwner(view.viewer)) {
    throw new ForbiddenError('Only the owner may make tokens of another workspace.', {
      field: 'workspaceId',
    });
  }
  const db = View.databaseOf(view);
  return makeToken(db, { ...input, workspaceId: workspaceId ?? view.workspaceId }, view.actor);
}

export interface NewToken {
  readonly workspaceId: string;
  readonly name: string;
  readonly scopes: readonly TokenScope[];
  readonly expiresAt?: Timestamp | null | undefined;
}

/** For those who may make tokens of any workspace. Throws InvalidInputError and NotFoundError. */
export async function makeToken(db: Database, token: NewToken, actor: string): Promise<CreatedToken> {
  const { name: newName, scopes } = parseInput(createApiTokenInput, token);
  const expiresAt = token.expiresAt ?? null;
  if (expiresAt !== null && expiresAt <= db.clock.now()) {
    throw new InvalidInputError('expiresAt must be in the future.', { field: 'expiresAt' });
  }
  const { workspaceId } = token;
  const wanted = { workspaceId, name: newName, scopes: [...new Set(scopes)], taskId: null, expiresAt };
  const created = isId('workspace', workspaceId) ? await storeToken(db, wanted, actor) : null;
  if (!created) throw new NotFoundError('The workspace does not exist.', { field: 'workspaceId' });
  return created;
}

const taskTokenSeconds = { min: 60, max: 2_592_000, default: 3_600 };

/** A token that sees one task and nothing else. Throws InvalidInputError and NotFoundError. */
export async function createTaskToken(view: View, input: CreateTaskTokenInput): Promise<CreatedToken> {
  const { min, max } = taskTokenSeconds;
  const seconds = input.expiresInSeconds ?? taskTokenSeconds.default;
  if (seconds < min || seconds > max) {
    throw new InvalidInputError(`expiresInSeconds must be from ${min} to ${max}.`, {
      field: 'expiresInSeconds',
    });
  }
  const db = View.databaseOf(view);
  const task = await findTask(view, input.taskId);
  const expiresAt = new Date(Date.parse(db.clock.now()) + seconds * 1_000).toISOString();
  const token = {
    workspaceId: view.workspaceId,
    name: input.taskId,
    scopes: ['tasks_read'],
    taskId: input.taskId,
    expiresAt,
  } as const;
  const created = task && (await storeToken(db, token, view.actor));
  if (!created) throw new NotFoundError('The task does not exist.', { field: 'taskId' });
  return created;
}

/** Ends a token of the workspace; one that is revoked already is returned as it is. Throws NotFoundError. */
export async function revokeApiToken(view: View, id: string): Promise<ApiToken> {
  const db = View.databaseOf(view);
  const revoked = isId('token', id) ? await revokeStored(db, view.workspaceId, id, view.actor) : null;
  if (!revoked) throw new NotFoundError('The token does not exist.', { field: 'id' });
  return revoked;
}

async function storeToken(
  db: Database,
  token: Omit<Parameters<typeof insertApiToken>[1], 'prefix' | 'hash'>,
  actor: string,
): Promise<CreatedToken | null> {
  const text = newTokenText();
  const stored = await insertApiToken(db, { ...token, prefix: prefixOf(text), hash: hashToken(text) }, actor);
  return stored && { apiToken: stored, token: text };
}
