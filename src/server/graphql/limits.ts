import {
  type ASTVisitor,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';
import type { ApiErrorCode } from './error-codes.ts';
import { repeatsTooOften } from './repeated-fields.ts';

/** What one operation may contain. The schema also limits its cost; these limits bound the work of computing that cost. */
export const operationLimits = {
  /** Parsing stops at this many tokens. Introspection takes about 400. */
  tokens: 2_000,
  depth: 15,
  aliases: 30,
  mutationFields: 10,
  /** Pairs of fields that end at the same place of the response. */
  samePlacePairs: 10_000,
  /** With each fragment counted wherever it is spread. */
  fields: 5_000,
} as const;

interface Extent {
  readonly depth: number;
  readonly aliases: number;
  /** Fields of the selection set itself, including those of its fragments. */
  readonly fields: number;
}

const nothing: Extent = { depth: 0, aliases: 0, fields: 0 };

/**
 * A validation rule that MUST run before the specified rules: some of those take quadratic time in what this rule limits.
 * So it sees documents that may be invalid in any way, including fragments that spread themselves.
 */
export function operationLimitsRule(context: ValidationContext): ASTVisitor {
  const extentOfFragment = new Map<string, Extent>();

  const measureFragment = (name: string): Extent => {
    const known = extentOfFragment.get(name);
    if (known) return known;
    // The placeholder ends the recursion of a fragment that spreads itself. Each fragment is measured once: otherwise
    // fragments that spread one another twice would take exponential time.
    extentOfFragment.set(name, nothing);
    const fragment = context.getFragment(name);
    const extent = fragment ? measure(fragment.selectionSet) : nothing;
    extentOfFragment.set(name, extent);
    return extent;
  };

  const measure = (set: SelectionSetNode): Extent => {
    let { depth, aliases, fields } = nothing;
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        // Introspection is deep by nature, and graphql has its own rule that limits it.
        const introspects = selection.name.value === '__schema' || selection.name.value === '__type';
        const inner = selection.selectionSet && !introspects ? measure(selection.selectionSet) : nothing;
        depth = Math.max(depth, inner.depth + 1);
        aliases += inner.aliases + (selection.alias ? 1 : 0);
        fields += 1;
        continue;
      }
      const inner =
        selection.kind === Kind.INLINE_FRAGMENT
          ? measure(selection.selectionSet)
          : measureFragment(selection.name.value);
      depth = Math.max(depth, inner.depth);
      aliases += inner.aliases;
      fields += inner.fields;
    }
    return { depth, aliases, fields };
  };

  const refuse = (operation: OperationDefinitionNode, what: string, limit: number) =>
    context.reportError(
      new GraphQLError(`The operation has too many ${what}: at most ${limit} are allowed.`, {
        nodes: operation,
        extensions: { code: 'QUERY_TOO_COMPLEX' satisfies ApiErrorCode },
      }),
    );

  return {
    Document(document) {
      const { samePlacePairs, fields } = operationLimits;
      if (!repeatsTooOften(document, samePlacePairs, fields)) return;
      const message = `The document has too many fields, or repeats fields too often: at most ${fields} fields are allowed, and ${samePlacePairs} pairs at the same place of the response.`;
      context.reportError(
        new GraphQLError(message, { extensions: { code: 'QUERY_TOO_COMPLEX' satisfies ApiErrorCode } }),
      );
    },
    OperationDefinition(operation) {
      const { depth, aliases, fields } = measure(operation.selectionSet);
      if (depth > operationLimits.depth) refuse(operation, 'levels', operationLimits.depth);
      if (aliases > operationLimits.aliases) refuse(operation, 'aliases', operationLimits.aliases);
      if (operation.operation === OperationTypeNode.MUTATION && fields > operationLimits.mutationFields) {
        refuse(operation, 'mutations', operationLimits.mutationFields);
      }
      return false;
    },
  };
}
