import { TypeID } from 'typeid-js';
import type { Timestamp } from './task.ts';
import { UuidSequence } from './uuid-sequence.ts';

/** The kinds of objects that have an id. */
const idKinds = [
  'workspace',
  'project',
  'task',
  'session',
  'event',
  'token',
  'login',
  'webhook',
  'delivery',
  'audit',
  'item',
  'prompt',
  'request',
] as const;
export type IdKind = (typeof idKinds)[number];

const uuids = new UuidSequence();

/**
 * A new TypeID: prefixed with its kind, and sortable by creation (UUIDv7). `at` is when that was by the database's clock;
 * left out where nothing sorts by the id. https://github.com/jetify-com/typeid
 */
export function newId(kind: IdKind, at?: Timestamp): string {
  return TypeID.fromUUIDBytes(kind, uuids.next(at === undefined ? Date.now() : Date.parse(at))).toString();
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

/** The id of an object whose UUID is stored. */
export function idOfUuid(kind: IdKind, uuid: string): string {
  return TypeID.fromUUID(kind, uuid).toString();
}

/** The UUID within an id, which must be well-formed. */
export function uuidOfId(id: string): string {
  return TypeID.fromString(id).toUUID();
}
