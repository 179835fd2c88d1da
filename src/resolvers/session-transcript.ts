import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { TaskSession } from '../tasks/domain/task-session.ts';
import type { TranscriptItem } from '../tasks/domain/transcript/item.ts';
import type { Context } from './context.ts';

/** Asked for in one operation, the number and the items are of one moment. */
export function sessionSequence({ id }: TaskSession, { loaders }: Context): Promise<number> {
  return loaders.transcripts.load({ sessionId: id, page: null }) as Promise<number>;
}

export function sessionItems(
  { id }: TaskSession,
  page: PageArguments,
  { loaders }: Context,
): Promise<Page<TranscriptItem>> {
  return loaders.transcripts.load({ sessionId: id, page }) as Promise<Page<TranscriptItem>>;
}
