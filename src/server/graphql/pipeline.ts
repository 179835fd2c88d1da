import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  executeRootSelectionSet,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  type ValidatedSubscriptionArgs,
  validate,
  validateExecutionArgs,
} from 'graphql';
import type { Metrics } from '../../metrics/metrics.ts';
import { inSpan } from '../../tracing/tracing.ts';
import type { ApiErrorCode } from './error-codes.ts';
import { edgeError, publicCodeOf } from './errors.ts';
import { operationLimits, operationLimitsRule } from './limits.ts';
import { countedOperation } from './root-field.ts';

/** What an operation is, before it runs. */
export interface RequestedOperation {
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

export type CreateContext<Viewer, Context extends object> = (
  viewer: Viewer,
  operation: RequestedOperation,
) => Context | Promise<Context>;

/**
 * Called for a document that does not parse, does not validate, or names no operation that is to run: refusing it costs work.
 * What it throws is the answer then.
 */
export type ChargeInvalid<Viewer> = (viewer: Viewer, text: string) => Promise<void>;

const rulesWithoutIntrospection = [...specifiedRules, NoSchemaIntrospectionCustomRule];

/** Parsed documents that are cached. */
const maxCached = 500;
/** Characters; longer documents are not cached. */
const maxCachedLength = 16_384;

/** Parses, validates and executes in the same way for HTTP and WebSocket: same limits, same error codes. */
export class GraphqlPipeline {
  readonly schema: GraphQLSchema;
  readonly #documents = new Map<string, DocumentNode>();
  /** What is wrong with a document; nothing, for one that is valid. */
  readonly #validationErrors = new WeakMap<DocumentNode, readonly GraphQLError[]>();
  readonly #ids = new WeakMap<DocumentNode, number>();
  #lastId = 0;

  readonly #operationTimeout: number;
  readonly #allowIntrospection: boolean;
  readonly #metrics: Metrics;
  /** Whether errors leave out names of the schema that are similar to a wrong one. */
  readonly hideSuggestions: boolean;

  /** `operationTimeout` is in milliseconds. Without introspection, errors suggest no names of the schema either. */
  constructor(
    schema: GraphQLSchema,
    options: { operationTimeout: number; allowIntrospection: boolean; metrics: Metrics },
  ) {
    this.schema = schema;
    this.#operationTimeout = options.operationTimeout;
    this.#allowIntrospection = options.allowIntrospection;
    this.#metrics = options.metrics;
    this.hideSuggestions = !options.allowIntrospection;
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
    const errors = this.#validationErrors.get(document) ?? this.#findErrors(document);
    this.#validationErrors.set(document, errors);
    // New ones each time: Yoga changes the errors that it receives.
    return errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'));
  }

  #findErrors(document: DocumentNode): readonly GraphQLError[] {
    const excess = validate(this.schema, document, [operationLimitsRule]);
    if (excess.length > 0) return excess;
    const rules = this.#allowIntrospection ? specifiedRules : rulesWithoutIntrospection;
    return validate(this.schema, document, rules, { maxErrors: 20, hideSuggestions: this.hideSuggestions });
  }

  /** Whether a request names an operation that may run. */
  mayRun({ query, operationName }: { readonly query?: unknown; readonly operationName?: unknown }): boolean {
    if (typeof query !== 'string') return false;
    try {
      const document = this.parse(query);
      const name = typeof operationName === 'string' ? operationName : undefined;
      return this.validate(document).length === 0 && Boolean(getOperationAST(document, name));
    } catch {
      return false;
    }
  }

  /** Runs queries and mutations. One that takes too long is answered with an error; what it has begun may still end. */
  execute(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult> {
    const startedAt = performance.now();
    const { type, field } = countedOperation(args.document, args.operationName);
    const result = inSpan({ name: `${type} ${field}` }, () => this.#run(args));
    const measured = (ended: ExecutionResult) => {
      this.#metrics.operationEnded(type, field, (performance.now() - startedAt) / 1_000);
      const [error] = ended.errors ?? [];
      if (error) this.#metrics.operationFailed(type, field, publicCodeOf(error));
      return ended;
    };
    return result instanceof Promise ? result.then(measured) : measured(result);
  }

  #run(args: ExecutionArgs): ExecutionResult | Promise<ExecutionResult> {
    // Ends the resolving of further fields.
    const abort = new AbortController();
    const validated = validateExecutionArgs({
      ...args,
      abortSignal: abort.signal,
      hideSuggestions: this.hideSuggestions,
    });
    if (!('schema' in validated)) return { errors: validated.map(badInput) };
    const result = executeRootSelectionSet(validated);
    return result instanceof Promise ? this.#withinTime(result, abort) : result;
  }

  /** Opens the source of a subscription. One that takes too long is answered with an error, and closed once it is open. */
  async openSource(args: ValidatedSubscriptionArgs): Promise<AsyncIterable<unknown> | ExecutionResult> {
    const abort = new AbortController();
    const opening = createSourceEventStream(args);
    if (!(opening instanceof Promise)) return opening;
    abort.signal.addEventListener('abort', () => {
      const close = async () => {
        const late = await opening;
        if (Symbol.asyncIterator in late) await late[Symbol.asyncIterator]().return?.();
      };
      // Nobody receives it.
      close().catch(() => {});
    });
    return this.#withinTime(opening, abort);
  }

  async #withinTime<Result>(
    result: Promise<Result>,
    abort: AbortController,
  ): Promise<Result | ExecutionResult> {
    const { promise: timedOut, resolve } = Promise.withResolvers<ExecutionResult>();
    const timer = setTimeout(() => {
      const seconds = this.#operationTimeout / 1_000;
      resolve({
        errors: [edgeError(`The operation takes too long: at most ${seconds} s.`, 'QUERY_TOO_COMPLEX')],
      });
      abort.abort();
    }, this.#operationTimeout);
    result.catch(() => {});
    try {
      return await Promise.race([result, timedOut]);
    } finally {
      clearTimeout(timer);
    }
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
