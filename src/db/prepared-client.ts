import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { Client } from 'pg';

/** Far more than there are statements in the sources; beyond it, statements run without a name. */
const maxNames = 1_000;
const names = new Map<string, string>();

/** PostgreSQL's names end at 63 bytes. */
function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= maxNames) return known;
  const name = createHash('sha256').update(text).digest('base64url');
  names.set(text, name);
  return name;
}

/**
 * A connection of a pool that names each of our statements, so that PostgreSQL plans it once for each connection: planning
 * is most of what our short statements cost.
 *
 * Statement texts must be static, with every value and every limit bound: neither the names here nor the prepared
 * statements on the server are ever freed.
 *
 * A query without an answer destroys its connection: the pool would otherwise hand it to a caller that waits behind it.
 * Networks drop connections without telling either end.
 */
export class PreparedClient extends Client {
  override query = ((text: unknown, values?: unknown, ...others: unknown[]) => {
    const isOurs =
      typeof text === 'string' && Array.isArray(values) && values.length > 0 && others.length === 0;
    const run = super.query.bind(this) as (...args: unknown[]) => unknown;
    const result = isOurs ? run({ name: nameOf(text), text, values }) : run(text, values, ...others);
    if (result instanceof Promise) result.catch((error: Error) => this.#destroyOnReadTimeout(error));
    return result;
  }) as Client['query'];

  #destroyOnReadTimeout(error: Error): void {
    if (error.message !== 'Query read timeout') return;
    (this as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
  }
}
