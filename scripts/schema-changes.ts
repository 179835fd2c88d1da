import { readFileSync } from 'node:fs';
import { type Change, CriticalityLevel, diff } from '@graphql-inspector/core';
import {
  buildSchema,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';

/** The schema of the last release. A release copies schema.graphql over it. */
const releasedFile = 'docs/schema.released.graphql';

export interface SchemaChanges {
  /** Breaking, and announced three months ago: see `isDue`. */
  readonly due: readonly Change[];
  /** Breaking, and not allowed. */
  readonly refused: readonly Change[];
  /** What a client may notice that takes the schema for fixed, such as a new value of an enum. */
  readonly dangerous: readonly Change[];
  /** What is there now besides, without the parts of what is new itself. */
  readonly added: readonly Change[];
}

export async function changesSinceRelease(today: Date): Promise<SchemaChanges> {
  const [released, current] = [releasedFile, 'schema.graphql'].map((file) =>
    buildSchema(readFileSync(file, 'utf8')),
  ) as [GraphQLSchema, GraphQLSchema];
  return schemaChanges(released, current, today);
}

export async function schemaChanges(
  released: GraphQLSchema,
  current: GraphQLSchema,
  today: Date,
): Promise<SchemaChanges> {
  const changes = await diff(released, current);
  const of = (level: CriticalityLevel) => changes.filter(({ criticality }) => criticality.level === level);
  const due = of(CriticalityLevel.Breaking).filter(({ path }) => isDue(released, path, today));
  return {
    due,
    refused: of(CriticalityLevel.Breaking).filter((change) => !due.includes(change)),
    dangerous: of(CriticalityLevel.Dangerous),
    added: outermost(of(CriticalityLevel.NonBreaking).filter(({ type }) => additions.test(type))),
  };
}

/** Of descriptions the page would only repeat what the reference has. */
const additions = /^(?!.*DESCRIPTION).*_(ADDED|DEPRECATED)$/;

/** Without what lies within something else that is new: the fields of a new type, the arguments of a new field. */
function outermost(changes: readonly Change[]): Change[] {
  const paths = new Set<string>();
  return changes.filter(({ path = '' }) => {
    const around = path.split('.').map((_name, index, names) => names.slice(0, index + 1).join('.'));
    if (around.some((each) => paths.has(each))) return false;
    paths.add(path);
    return true;
  });
}

/**
 * Whether clients have been told for three months that a field, an argument or a value goes away: the release deprecates it,
 * and the reason has the day on which that was published, as `2027-01-31`.
 */
function isDue(released: GraphQLSchema, path: string | undefined, today: Date): boolean {
  const day = /\b\d{4}-\d{2}-\d{2}\b/.exec(deprecationOf(released, path ?? '') ?? '')?.[0];
  if (day === undefined) return false;
  const due = new Date(day);
  due.setUTCMonth(due.getUTCMonth() + 3);
  return due <= today;
}

/** The reason for which what has this path is deprecated: `Task.title`, `Query.tasks.first`, `TaskStatus.RUNNING`. */
function deprecationOf(schema: GraphQLSchema, path: string): string | null | undefined {
  const [typeName = '', name = '', argument] = path.split('.');
  const type = schema.getType(typeName);
  if (isEnumType(type)) return type.getValue(name)?.deprecationReason;
  if (isInputObjectType(type)) return type.getFields()[name]?.deprecationReason;
  if (!isObjectType(type) && !isInterfaceType(type)) return undefined;
  const field = type.getFields()[name];
  const arg = field?.args.find((each) => each.name === argument);
  return arg?.deprecationReason ?? field?.deprecationReason;
}
