import { createHash } from 'node:crypto';

/** Far more than there are statements in the sources. */
const maxNames = 1_000;
const names = new Map<string, string>();

/**
 * The name under which a connection prepares a statement, so that PostgreSQL plans it once for each connection: planning
 * is most of what our short statements cost. Undefined after a thousand texts: further ones run without a name.
 *
 * Texts must be static, with every value and every limit bound: neither the names here nor the prepared statements on the
 * server are ever freed.
 */
export function statementName(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= maxNames) return known;
  // PostgreSQL's names end at 63 bytes.
  const name = createHash('sha256').update(text).digest('base64url');
  names.set(text, name);
  return name;
}
