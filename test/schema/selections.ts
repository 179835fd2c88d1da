import {
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql';

/** Builds selections of every field, from the schema, and remembers which fields they had. */
export class Selections {
  /** As `Type.field`. */
  readonly selected = new Set<string>();
  readonly #schema: GraphQLSchema;

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** All fields of the type, and of the types below it for so many levels. Empty for a scalar or an enum. */
  of(type: GraphQLNamedType, levels: number): string {
    if (isLeafType(type)) return '';
    if (isAbstractType(type)) {
      const members = this.#schema
        .getPossibleTypes(type)
        .map((each) => `... on ${each} ${this.of(each, levels)}`);
      return `{ __typename ${members.join(' ')} }`;
    }
    if (!isObjectType(type)) throw new Error(`${type} cannot be selected`);
    const fields = Object.values(type.getFields()).flatMap((field) => {
      const inner = getNamedType(field.type);
      if (!isLeafType(inner) && levels === 0) return [];
      this.selected.add(`${type}.${field.name}`);
      return [`${field.name}${argumentsOf(field)} ${this.of(inner, levels - 1)}`];
    });
    return `{ __typename ${fields.join(' ')} }`;
  }
}

function argumentsOf(field: GraphQLField<unknown, unknown>): string {
  const required = field.args.filter(isRequiredArgument);
  if (required.length > 0) throw new Error(`${field.name} needs arguments that the test does not know`);
  return field.args.some(({ name }) => name === 'first') ? '(first: 3)' : '';
}
