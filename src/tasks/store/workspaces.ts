import { sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { WorkspaceEntity } from '../../tables/entities/tasks.ts';
import { newId } from '../domain/id.ts';
import { tokenScopes, type Viewer, type Workspace } from '../domain/viewer.ts';
import { insertAudit } from './audit-log.ts';

/** The workspace of the owner: the first one, made with the database. */
export async function ownersWorkspace(db: Database): Promise<Workspace> {
  const [workspace] = await db.em().find(WorkspaceEntity, {}, { orderBy: { id: 'asc' }, limit: 1 });
  if (!workspace) throw new Error('The database has no workspace: was it migrated?');
  return { id: workspace.id, name: workspace.name };
}

/** Who the owner's token stands for: it may do everything in the first workspace. */
export async function ownersViewer(db: Database): Promise<Viewer> {
  return { workspace: await ownersWorkspace(db), scopes: tokenScopes, token: null };
}

export async function insertWorkspace(db: Database, name: string, actor: string): Promise<Workspace> {
  const id = newId('workspace', db.clock.now());
  await sql`
    with inserted as (
      insert into workspace (id, name) values (${id}, ${name}) returning id, id as workspace_id
    )
    ${insertAudit({ actor, action: 'workspace.created', details: { name } }, 'inserted')}
  `.execute(db.kysely);
  return { id, name };
}
