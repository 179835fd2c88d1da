import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import type { Database } from '../../tables/database.ts';
import { IdempotencyConflictError } from '../domain/errors.ts';

/** A key as a call gave it, with what the call makes. */
export interface NewIdempotencyKey {
  readonly workspaceId: string;
  readonly key: string;
  readonly inputHash: string;
  /** The id of the object that the call makes. */
  readonly objectId: string;
}

/** What a key is compared by: the operation and all of its input but the key. */
export function hashInput(operation: string, input: Record<string, unknown>): string {
  const { idempotencyKey: _, ...compared } = input;
  const sorted = Object.entries(compared).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([operation, sorted]))
    .digest('hex');
}

/**
 * SQL of an insert that returns a row when the key is new, and only where `source`, a table, has a row. A call with the
 * same key at the same moment waits here until the first one has committed.
 */
export function insertKey(key: NewIdempotencyKey, source: string): RawBuilder<unknown> {
  return sql`insert into idempotency_key (workspace_id, key, input_hash, object_id)
    select ${key.workspaceId}, ${key.key}, ${key.inputHash}, ${key.objectId} from ${sql.table(source)}
    on conflict do nothing returning key`;
}

/** The object that the key made before; null when the key is new. Throws IdempotencyConflictError for another input. */
export async function findIdempotentResult(
  db: Database,
  workspaceId: string,
  key: string,
  inputHash: string,
): Promise<string | null> {
  const row = await db.kysely
    .selectFrom('idempotency_key')
    .select(['input_hash', 'object_id'])
    .where('workspace_id', '=', workspaceId)
    .where('key', '=', key)
    .executeTakeFirst();
  if (!row) return null;
  if (row.input_hash !== inputHash) {
    throw new IdempotencyConflictError('The idempotency key was used before, with another input.', {
      field: 'idempotencyKey',
    });
  }
  return row.object_id;
}
