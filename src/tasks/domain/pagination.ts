import { InvalidInputError } from './errors.ts';

/** Relay's arguments, as a client sends them. https://relay.dev/graphql/connections.htm */
export interface PageArguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

export interface Page<T> {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly nodes: readonly T[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

/** The rows that a page needs: `limit` of them, between these keys, from one of the two ends. */
export interface Range {
  readonly after: string | null;
  readonly before: string | null;
  readonly limit: number;
  readonly fromEnd: boolean;
}

const defaultSize = 50;
const maxSize = 100;

/** Rows that a page needs at most; see `pageOf`. */
export const mostRowsOfPage = maxSize + 1;

/** Throws InvalidInputError for a size outside 1 to 100, for both sizes at once, and for a malformed cursor. */
export function rangeOf({ first, after, last, before }: PageArguments): Range {
  checkSize('first', first);
  checkSize('last', last);
  if (first != null && last != null) {
    throw new InvalidInputError('first and last cannot be used together.', { field: 'last' });
  }
  return {
    after: decodeCursor('after', after),
    before: decodeCursor('before', before),
    limit: first ?? last ?? defaultSize,
    fromEnd: last != null,
  };
}

function checkSize(field: string, size: number | null | undefined): void {
  if (size != null && (size < 1 || size > maxSize)) {
    throw new InvalidInputError(`${field} must be from 1 to ${maxSize}.`, { field });
  }
}

/** `rows` has up to one row more than the limit, which shows that others follow; reversed when `fromEnd`. */
export function pageOf<T>(rows: readonly T[], range: Range, keyOf: (node: T) => string): Page<T> {
  const more = rows.length > range.limit;
  const nodes = rows.slice(0, range.limit);
  if (range.fromEnd) nodes.reverse();
  const edges = nodes.map((node) => ({ cursor: encodeCursor(keyOf(node)), node }));
  return {
    edges,
    nodes,
    pageInfo: {
      hasNextPage: range.fromEnd ? range.before !== null : more,
      hasPreviousPage: range.fromEnd ? more : range.after !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

function encodeCursor(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function decodeCursor(field: string, cursor: string | null | undefined): string | null {
  if (cursor == null) return null;
  const key = Buffer.from(cursor, 'base64url').toString();
  if (!/^[a-z0-9_]{1,100}$/.test(key) || encodeCursor(key) !== cursor) {
    throw new InvalidInputError(`${field} is not a cursor of this list.`, { field });
  }
  return key;
}
