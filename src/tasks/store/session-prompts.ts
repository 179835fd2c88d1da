import type { Database } from '../../tables/database.ts';
import { SessionEntity } from '../../tables/entities/tasks.ts';

/** What a session begins with; empty when it was given nothing. */
export async function readSessionPrompt(db: Database, id: string): Promise<string> {
  const session = await db.em().findOne(SessionEntity, { id });
  return session?.prompt ?? '';
}
