import type { Timestamp } from './task.ts';

/** A tenant. */
export interface Workspace {
  readonly id: string;
  readonly name: string;
}

/** What a token may do; each scope includes those before it. */
export const tokenScopes = ['tasks_read', 'tasks_write', 'admin'] as const;
export type TokenScope = (typeof tokenScopes)[number];

/** A credential of one workspace, without its text. */
export interface ApiToken {
  readonly id: string;
  readonly workspaceId: string;
  readonly name: string;
  readonly scopes: readonly TokenScope[];
  /** A task token's: the one task that it sees. */
  readonly taskId: string | null;
  readonly prefix: string;
  readonly createdAt: Timestamp;
  readonly expiresAt: Timestamp | null;
  readonly revokedAt: Timestamp | null;
  /** To the minute. */
  readonly lastUsedAt: Timestamp | null;
}

/** Who a request is made as. */
export interface Viewer {
  readonly workspace: Workspace;
  readonly scopes: readonly TokenScope[];
  /** Null for the owner, whose token is a setting. */
  readonly token: ApiToken | null;
}

/** What a request shows for its viewer: an `Authorization` header (`Bearer TOKEN`), or the secret of a browser's login. */
export type Credential = { readonly authorization: string } | { readonly login: string };

/** How the history names the owner. No token may have this name, nor that of the system. */
export const ownerActor = 'owner';

/** How the history names what happens by itself, without a request. */
export const systemActor = 'system';

/** How the history and the audit log name the viewer. */
export function actorOf({ token }: Viewer): string {
  return token?.name ?? ownerActor;
}

export function isOwner({ token }: Viewer): boolean {
  return token === null;
}

/** The one task that the viewer sees; null: all of the workspace. */
export function onlyTaskOf({ token }: Viewer): string | null {
  return token?.taskId ?? null;
}

/** A scope includes those before it. */
export function hasScope({ scopes }: Viewer, needed: TokenScope): boolean {
  return scopes.some((scope) => tokenScopes.indexOf(scope) >= tokenScopes.indexOf(needed));
}

/** Whether the viewer sees a task, and what belongs to it. */
export function canSee(viewer: Viewer, task: { readonly id: string; readonly workspaceId: string }): boolean {
  const only = onlyTaskOf(viewer);
  return task.workspaceId === viewer.workspace.id && (only === null || only === task.id);
}

/** The points of a token in a window of time. */
export interface RateLimit {
  readonly limit: number;
  /** Of the operation that asks. */
  readonly cost: number;
  readonly remaining: number;
  /** Milliseconds since 1970. A number, because every operation has one and few ask for it. */
  readonly resetAtMs: number;
}
