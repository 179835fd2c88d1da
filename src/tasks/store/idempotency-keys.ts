import { createHash } from 'node:crypto';
import type { Database } from '../../tables/database.ts';
import { IdempotencyConflictError } from '../domain/errors.ts';
import { query } from './task-rows.ts';

/** What a key is compared by: the operation and all of its input but the key. */
export function hashInput(operation: string, input: Record<string, unknown>): string {
  const { idempotencyKey: _, ...compared } = input;
  const sorted = Object.entries(compared).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([operation, sorted]))
    .digest('hex');
}

/**
 * SQL for a data-modifying CTE `claimed` that has a row when the key is new; `source` is what the caller's rows come from.
 * A call with the same key at the same moment waits here until the first has committed.
 */
export function insertKeySql(source: string): string {
  return `claimed as (
    insert into idempotency_key (workspace_id, key, input_hash, object_id) select ?, ?, ?, ? from ${source}
    on conflict do nothing returning key
  )`;
}

/** The object that the key made before; null when the key is new. Throws IdempotencyConflictError for another input. */
export async function findIdempotentResult(
  db: Database,
  workspaceId: string,
  key: string,
  inputHash: string,
): Promise<string | null> {
  const [row] = await query(
    db,
    'select input_hash, object_id from idempotency_key where workspace_id = ? and key = ?',
    [workspaceId, key],
  );
  if (!row) return null;
  if (row.input_hash !== inputHash) {
    throw new IdempotencyConflictError('the idempotency key was used before, with another input', {
      field: 'idempotencyKey',
    });
  }
  return row.object_id as string;
}

/** Keys are kept for two days: a day more than is promised. */
export async function deleteExpiredKeys(db: Database): Promise<void> {
  await query(db, `delete from idempotency_key where created_at < now() - interval '48 hours'`, []);
}
