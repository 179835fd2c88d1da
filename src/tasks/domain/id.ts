import { TypeID, typeid } from 'typeid-js';

/** The kinds of objects that have an id. */
const idKinds = ['workspace', 'project', 'task', 'session', 'event'] as const;
export type IdKind = (typeof idKinds)[number];

/** A new TypeID: prefixed with its kind, and sortable by creation (UUIDv7). https://github.com/jetify-com/typeid */
export function newId(kind: IdKind): string {
  return typeid(kind).toString();
}

/** The kind of an id that came from a client; null when it is malformed, so that no object can have it. */
export function kindOfId(id: string): IdKind | null {
  try {
    const kind = TypeID.fromString(id).getType();
    return idKinds.find((known) => known === kind) ?? null;
  } catch {
    return null;
  }
}

export function isId(kind: IdKind, id: string): boolean {
  return kindOfId(id) === kind;
}
