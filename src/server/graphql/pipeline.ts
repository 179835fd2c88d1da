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
import type { ApiErrorCode } from './error-codes.ts';
import { edgeError } from './errors.ts';
import { operationLimits, operationLimitsRule } from './limits.ts';

/** Parsed documents that are cached. */
const maxCached = 500;
/** Characters; longer documents are not cached. */
const maxCachedLength = 16_384;

/** Parses, validates and executes in the same way for HTTP and WebSocket: same limits, same error codes. */
export class GraphqlPipeline {
  readonly schema: GraphQLSchema;
  readonly #documents = new Map<string, DocumentNode>();
  readonly #valid = new WeakSet<DocumentNode>();
  readonly #ids = new WeakMap<DocumentNode, number>();
  #lastId = 0;

  constructor(schema: GraphQLSchema) {
    this.schema = schema;
  }

  /** Throws a GraphQLError with a code. The same text returns the same document while it is cached. */
  parse(text: string): DocumentNode {
    const documents = this.#documents;
    const document = documents.get(text) ?? parseWithin(text);
    if (text.length <= maxCachedLength) {
      // Moves the document to the end: the first one is the least recently used.
      documents.delete(text);
      documents.set(text, document);
      if (documents.size > maxCached) documents.delete(documents.keys().next().value ?? text);
    }
    return document;
  }

  /** A number that identifies the document. */
  idOf(document: DocumentNode): number {
    const id = this.#ids.get(document) ?? ++this.#lastId;
    this.#ids.set(document, id);
    return id;
  }

  /** Returns errors with codes; none when the document is valid. */
  validate(document: DocumentNode): readonly GraphQLError[] {
    // Errors are not cached: Yoga changes the errors that it receives.
    if (this.#valid.has(document)) return [];
    const excess = validate(this.schema, document, [operationLimitsRule]);
    const errors =
      excess.length > 0 ? excess : validate(this.schema, document, specifiedRules, { maxErrors: 20 });
    if (errors.length === 0) this.#valid.add(document);
    return errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'));
  }

  /** Runs queries and mutations. */
  execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult> {
    const validated = validateExecutionArgs(args);
    if (!('schema' in validated)) return { errors: validated.map(badInput) };
    return executeRootSelectionSet(validated);
  }
}

/** For an unknown operation name, or a variable that does not match its type; then `field` is the name of the input. */
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
    // The parser is recursive: thousands of nested brackets overflow the stack.
    if (error instanceof RangeError) {
      throw edgeError('The document is nested too deeply.', 'QUERY_TOO_COMPLEX');
    }
    if (!(error instanceof GraphQLError)) throw error;
    const excess = error.message.includes('tokens. Parsing aborted');
    throw withCode(error, excess ? 'QUERY_TOO_COMPLEX' : 'GRAPHQL_PARSE_FAILED');
  }
}

function withCode(error: GraphQLError, code: ApiErrorCode, more: Record<string, unknown> = {}): GraphQLError {
  const { message, nodes, source, positions, extensions } = error;
  return new GraphQLError(message, {
    nodes,
    source,
    positions,
    extensions: { code, ...more, ...extensions },
  });
}
