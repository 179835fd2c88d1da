import { createHash } from 'node:crypto';

/** Far more than there are statements in the sources. */
const usualMost = 1_000;

/**
 * The names under which connections prepare statements, so that PostgreSQL plans each once for each connection: planning is
 * most of what our short statements cost.
 *
 * Texts must be static, with every value and every limit bound: neither the names here nor the prepared statements on the
 * server are ever freed.
 */
export class StatementNames {
  readonly #most: number;
  readonly #names = new Map<string, string>();

  /** `most`: texts beyond so many run without a name. */
  constructor(most = usualMost) {
    this.#most = most;
  }

  of(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= this.#most) return known;
    // PostgreSQL's names end at 63 bytes.
    const name = createHash('sha256').update(text).digest('base64url');
    this.#names.set(text, name);
    return name;
  }
}
