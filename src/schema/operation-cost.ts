import { complexityFromQuery } from '@pothos/plugin-complexity';
import {
  type DocumentNode,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { maxComplexity } from './builder.ts';

export interface MeasuredOperation {
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Complexity that costs one point. */
const complexityOfPoint = 100;
/** Tokens of a document that cost one point: parsing and validation take time, for documents that were not sent before. */
const tokensOfPoint = 200;
/** Points of `__schema` and `__type`, which have no complexity and may return all of the schema. */
const pointsOfIntrospection = 10;
/** Costs that are remembered for one document: its sizes of pages differ. */
const maxRemembered = 100;

/**
 * What operations cost in points of `Query.rateLimit`: one for each hundred of complexity or each two hundred tokens of the
 * document, whichever are more, at least one, and ten for each question about the schema.
 */
export class OperationCosts {
  readonly #schema: GraphQLSchema;
  readonly #known = new WeakMap<DocumentNode, Map<string, number>>();

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** The document is valid. 0 for an operation that asks for nothing but the rate limit. */
  of({ document, operationName, variables }: MeasuredOperation): number {
    const operation = getOperationAST(document, operationName);
    if (!operation) return 1;
    let known = this.#known.get(document);
    if (!known) {
      known = new Map();
      this.#known.set(document, known);
    }
    // Only the sizes of pages and the lengths of lists count.
    const sizes = Object.entries(variables ?? {}).flatMap(([name, value]) =>
      typeof value === 'number' ? [name, value] : Array.isArray(value) ? [name, value.length] : [],
    );
    const key = JSON.stringify([operationName, sizes]);
    const cost = known.get(key) ?? this.#measure(document, operation, variables);
    if (known.size < maxRemembered) known.set(key, cost);
    return cost;
  }

  #measure(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: MeasuredOperation['variables'],
  ): number {
    const fields = [...addRootFields(document, operation.selectionSet, new Map()).values()];
    const asked = fields.filter((name) => name !== '__typename');
    if (asked.length > 0 && asked.every((name) => name === 'rateLimit')) return 0;
    const introspections = asked.filter((name) => name === '__schema' || name === '__type').length;
    const least = Math.max(1, Math.ceil((document.tokenCount ?? 0) / tokensOfPoint));
    return this.#points(document, operation, variables, least) + introspections * pointsOfIntrospection;
  }

  #points(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: MeasuredOperation['variables'],
    least: number,
  ): number {
    const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
    try {
      const { complexity } = complexityFromQuery(
        { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] },
        { schema: this.#schema, variables: { ...variables } },
      );
      // The execution refuses it, with a code of its own.
      if (complexity > maxComplexity) return least;
      return Math.max(least, Math.ceil(complexity / complexityOfPoint));
    } catch {
      // Variables that do not match their types: the execution refuses them.
      return least;
    }
  }
}

/**
 * Adds the names of the fields of a selection set, by the names in the response. Each fragment counts once: fragments may spread
 * each other many times.
 */
function addRootFields(
  document: DocumentNode,
  set: SelectionSetNode,
  names: Map<string, string>,
  fragments = new Set<string>(),
): Map<string, string> {
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) {
      names.set(selection.alias?.value ?? selection.name.value, selection.name.value);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      addRootFields(document, selection.selectionSet, names, fragments);
    } else if (!fragments.has(selection.name.value)) {
      fragments.add(selection.name.value);
      const fragment = document.definitions.find(
        (each) => each.kind === Kind.FRAGMENT_DEFINITION && each.name.value === selection.name.value,
      );
      if (fragment?.kind === Kind.FRAGMENT_DEFINITION) {
        addRootFields(document, fragment.selectionSet, names, fragments);
      }
    }
  }
  return names;
}
