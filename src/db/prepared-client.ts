import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { Client } from 'pg';

const names = new Map<string, string>();

/** PostgreSQL's names end at 63 bytes. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('base64url');
    names.set(text, name);
  }
  return name;
}

/**
 * A connection of a pool that plans each of our statements once, by giving it a name: planning is most of what our short
 * ones cost. All of them stand in the sources, so there are not more of them over time.
 *
 * A query that is not answered in time ends the connection with it: the pool would hand it to the next one, who would wait
 * behind an answer that never comes. Networks forget connections without a word to either end.
 */
export class PreparedClient extends Client {
  override query = ((text: unknown, values?: unknown, ...others: unknown[]) => {
    const isOurs =
      typeof text === 'string' && Array.isArray(values) && values.length > 0 && others.length === 0;
    const run = super.query.bind(this) as (...args: unknown[]) => unknown;
    const result = isOurs ? run({ name: nameOf(text), text, values }) : run(text, values, ...others);
    if (result instanceof Promise) result.catch((error: Error) => this.#endIfSilent(error));
    return result;
  }) as Client['query'];

  #endIfSilent(error: Error): void {
    if (error.message !== 'Query read timeout') return;
    (this as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
  }
}
