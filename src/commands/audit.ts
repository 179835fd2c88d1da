import { parseArgs } from 'node:util';
import { readAudit } from '../tasks/store/audit-log.ts';
import { withDatabase } from './operator-database.ts';
import { UsageError } from './usage-error.ts';

const usage = 'Usage: npm run audit -- [--workspace ID]';
/** Entries that are read at a time. */
const pageSize = 500;

/** `npm run audit`: prints the audit log, oldest first, one JSON object a line. Returns the exit code. */
export async function audit(args: readonly string[]): Promise<number> {
  const workspaceId = parse(args);
  await withDatabase(async ({ db }) => {
    let after: string | null = null;
    for (;;) {
      const page = await readAudit(db, workspaceId, after, pageSize);
      for (const entry of page) process.stdout.write(`${JSON.stringify(entry)}\n`);
      if (page.length < pageSize) return;
      after = page.at(-1)?.id ?? null;
    }
  });
  return 0;
}

function parse(args: readonly string[]): string | null {
  try {
    const { values } = parseArgs({ args: [...args], options: { workspace: { type: 'string' } } });
    return values.workspace ?? null;
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${usage}`);
  }
}
