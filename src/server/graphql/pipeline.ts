import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  executeRootSelectionSet,
  GraphQLError,
  type GraphQLSchema,
  parse,
  specifiedRules,
  validate,
  validateExecutionArgs,
} from 'graphql';
import { operationLimits, operationLimitsRule } from './limits.ts';

/** How many documents stay parsed, and how long one may be to be among them. */
const maxCached = 500;
const maxCachedLength = 16_384;

/** What HTTP and WebSocket have in common: the same limits, codes and executor for both. */
export interface GraphqlPipeline {
  readonly schema: GraphQLSchema;
  /** Throws a GraphQLError with a code. The same text gives the same document while it is cached. */
  parse(text: string): DocumentNode;
  /** The same number for the same document, and for no other. */
  idOf(document: DocumentNode): number;
  /** Empty when the document is valid; otherwise errors with codes. */
  validate(document: DocumentNode): readonly GraphQLError[];
  /** Queries and mutations. */
  execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult>;
}

export function createGraphqlPipeline(schema: GraphQLSchema): GraphqlPipeline {
  const documents = new Map<string, DocumentNode>();
  const valid = new WeakSet<DocumentNode>();
  const ids = new WeakMap<DocumentNode, number>();
  let lastId = 0;

  return {
    schema,
    parse(text) {
      const document = documents.get(text) ?? parseWithin(text);
      if (text.length <= maxCachedLength) {
        // Last used, last in line.
        documents.delete(text);
        documents.set(text, document);
        if (documents.size > maxCached) documents.delete(documents.keys().next().value ?? text);
      }
      return document;
    },
    idOf(document) {
      const id = ids.get(document) ?? ++lastId;
      ids.set(document, id);
      return id;
    },
    validate(document) {
      // Only what is valid is remembered: Yoga writes into the errors that it gets.
      if (valid.has(document)) return [];
      const excess = validate(schema, document, [operationLimitsRule]);
      const errors =
        excess.length > 0 ? excess : validate(schema, document, specifiedRules, { maxErrors: 20 });
      if (errors.length === 0) valid.add(document);
      return errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'));
    },
    execute(args) {
      const validated = validateExecutionArgs(args);
      if (!('schema' in validated)) return { errors: validated.map(badInput) };
      return executeRootSelectionSet(validated);
    },
  };
}

/** An operation that cannot be found, or a variable that does not fit its type: `field` is the input's name. */
export function badInput(error: GraphQLError): GraphQLError {
  const [, variable, path] =
    /^Variable "\$(\w+)" has invalid value(?: at ([^:]+))?:/.exec(error.message) ?? [];
  const field = path?.match(/[A-Za-z_]\w*/g)?.at(-1) ?? variable;
  return withCode(error, 'BAD_USER_INPUT', field === undefined ? {} : { field });
}

function parseWithin(text: string): DocumentNode {
  try {
    return parse(text, { maxTokens: operationLimits.tokens });
  } catch (error) {
    // Thousands of brackets in one another: the parser descends into each.
    if (error instanceof RangeError) {
      throw new GraphQLError('The document is nested too deeply.', {
        extensions: { code: 'QUERY_TOO_COMPLEX' },
      });
    }
    if (!(error instanceof GraphQLError)) throw error;
    const excess = error.message.includes('tokens. Parsing aborted');
    throw withCode(error, excess ? 'QUERY_TOO_COMPLEX' : 'GRAPHQL_PARSE_FAILED');
  }
}

function withCode(error: GraphQLError, code: string, more: Record<string, unknown> = {}): GraphQLError {
  const { message, nodes, source, positions, extensions } = error;
  return new GraphQLError(message, {
    nodes,
    source,
    positions,
    extensions: { code, ...more, ...extensions },
  });
}
