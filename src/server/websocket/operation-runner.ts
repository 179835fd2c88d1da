import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import {
  type DocumentNode,
  type ExecutionArgs,
  getOperationAST,
  OperationTypeNode,
  type ValidatedSubscriptionArgs,
  validateSubscriptionArgs,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { type Logger, withLogFields } from '../../log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { SubscriberLaggedError } from '../../realtime/errors.ts';
import { OperationRefusedError, type TranslateError } from '../graphql/errors.ts';
import {
  badInput,
  type CreateContext,
  type GraphqlPipeline,
  type RequestedOperation,
} from '../graphql/pipeline.ts';
import { countedOperation } from '../graphql/root-field.ts';
import type { ClientSocket } from './client-socket.ts';
import type { Operation } from './operation.ts';
import { SharedExecution, serializeResult } from './shared-execution.ts';

export interface OperationRunnerOptions<Viewer, Context extends object> {
  readonly pipeline: GraphqlPipeline;
  readonly logger: Logger;
  readonly translateError: TranslateError;
  readonly createContext: CreateContext<Viewer, Context>;
  readonly renewContext: (context: Context) => Context;
  readonly accessScope: (viewer: Viewer) => string;
  readonly isTransient: (error: unknown) => boolean;
  readonly metrics: Metrics;
  /** Milliseconds since the commit of what a message of a subscription tells. Undefined where it is not known. */
  readonly lagOf: (value: unknown) => number | undefined;
}

/** One operation that a client has asked for and that is valid. */
export interface OperationRequest<Viewer> {
  readonly client: ClientSocket;
  readonly viewer: Viewer;
  readonly logFields: Readonly<Record<string, string>>;
  /** Chosen by the client. */
  readonly id: string;
  readonly document: DocumentNode;
  readonly payload: SubscribePayload;
}

/** Milliseconds until a message that failed with a transient error is rendered again, plus or minus a half. */
const retryMs = 400;
/** Yield to the event loop after this many messages of one operation. */
const yieldEvery = 8;

/** Runs operations and sends their messages to the client. */
export class OperationRunner<Viewer, Context extends object> {
  readonly #options: OperationRunnerOptions<Viewer, Context>;
  readonly #shared: SharedExecution;
  #lagMeasuredAt = 0;

  constructor(options: OperationRunnerOptions<Viewer, Context>) {
    this.#options = options;
    this.#shared = new SharedExecution(options.translateError, options.isTransient);
  }

  /** Resolves when the operation has ended. Rejects with what ended it early. */
  run(operation: Operation, request: OperationRequest<Viewer>): Promise<void> {
    const type = getOperationAST(request.document, request.payload.operationName)?.operation;
    // Nothing here awaits the other one: an idle subscription costs the memory of each function that is suspended.
    return type === OperationTypeNode.SUBSCRIPTION
      ? this.#streamSubscription(operation, request)
      : withLogFields(request.logFields, () => this.#runQuery(operation, request));
  }

  async #runQuery(operation: Operation, request: OperationRequest<Viewer>): Promise<void> {
    const { pipeline, createContext, translateError } = this.#options;
    const context = await createContext(request.viewer, requestedOperation(request));
    const result = await pipeline.execute(this.#argsOf(request, context));
    const payload = serializeResult(result, translateError);
    if (operation.open) await request.client.send(`${beginningOf(request.id)}${payload}}`);
  }

  async #streamSubscription(operation: Operation, request: OperationRequest<Viewer>): Promise<void> {
    const { client, id } = request;
    // Not the loop: what an idle subscription waits for would keep the fields' context, and all subscribers share a message.
    const opening = withLogFields(request.logFields, () => this.#openSource(request));
    const { source, argsOfMessage } = await opening;
    const openedAt = performance.now();
    operation.attachSource(source);
    const { metrics } = this.#options;
    const key = this.#sharingKey(request);
    const { field } = countedOperation(request.document, request.payload.operationName);
    metrics.subscriptionOpened(field);
    const beginning = beginningOf(id);
    try {
      // A disconnected socket stays in the closing state for a while; values taken for it would be lost.
      for (let sent = 1; operation.open && client.open; sent += 1) {
        const { done, value } = await source.next();
        if (done || !operation.open) return;
        const payload = await this.#render(value, key, argsOfMessage, operation);
        if (payload === undefined || !operation.open) return;
        if (sent % yieldEvery === 0) await immediate();
        // Backpressure: take the next value only after the socket drained. Until then the subscriber costs only its position.
        const drained = client.send(`${beginning}${payload}}`);
        this.#measureLag(value, openedAt);
        if (drained) await drained;
      }
    } catch (error) {
      if (!(error instanceof SubscriberLaggedError)) throw error;
      // It is disconnected with 1013; after reconnecting it starts from the current state.
      client.disconnectSlowClient();
    } finally {
      metrics.subscriptionClosed(field);
    }
  }

  /** Of one message a millisecond: to count each one costs a tenth of what it costs to send it to thousands of subscribers. */
  #measureLag(value: unknown, openedAt: number): void {
    const now = performance.now();
    if (now - this.#lagMeasuredAt < 1) return;
    this.#lagMeasuredAt = now;
    const { lagOf, metrics } = this.#options;
    const lagMs = lagOf(value);
    // The others tell of a time before the subscription: the state that it begins with, and what the client has missed.
    if (lagMs !== undefined && lagMs < now - openedAt) metrics.delivered(lagMs / 1_000);
  }

  /**
   * A subscription is open for days, and plugins of the schema keep what they found out for a context as long as the context. So
   * the context that opened the source is not kept, and each message has one of its own.
   */
  async #openSource(request: OperationRequest<Viewer>) {
    const { pipeline, createContext, renewContext } = this.#options;
    const context = await createContext(request.viewer, requestedOperation(request));
    const args = validateSubscriptionArgs(this.#argsOf(request, context));
    if (!('schema' in args)) throw new OperationRefusedError(args.map(badInput));
    const stream = await pipeline.openSource(args);
    if (!(Symbol.asyncIterator in stream)) throw new OperationRefusedError(stream.errors ?? []);
    const kept = { ...args, contextValue: renewContext(context) };
    const argsOfMessage = () => ({ ...kept, contextValue: renewContext(kept.contextValue) });
    return { source: stream[Symbol.asyncIterator](), argsOfMessage };
  }

  /** Retries transient errors for as long as the operation is open. Undefined when it was closed meanwhile. */
  async #render(
    value: unknown,
    key: string,
    argsOfMessage: () => ValidatedSubscriptionArgs,
    operation: Operation,
  ): Promise<string | undefined> {
    const { isTransient, logger } = this.#options;
    while (operation.open) {
      try {
        return await this.#shared.payload(value, key, argsOfMessage);
      } catch (error) {
        if (!isTransient(error)) throw error;
        logger.debug({ err: error }, 'a message failed with a transient error; retrying');
        await delay(retryMs * (0.5 + Math.random()));
      }
    }
    return undefined;
  }

  #argsOf({ document, payload }: OperationRequest<Viewer>, contextValue: Context): ExecutionArgs {
    const { schema, hideSuggestions } = this.#options.pipeline;
    const { operationName, variables } = payload;
    return { schema, hideSuggestions, document, operationName, variableValues: variables, contextValue };
  }

  /** Equal for subscriptions that receive the same payload for the same value. */
  #sharingKey({ viewer, document, payload }: OperationRequest<Viewer>): string {
    const { pipeline, accessScope } = this.#options;
    const { operationName, variables } = payload;
    return JSON.stringify([accessScope(viewer), pipeline.idOf(document), operationName, variables]);
  }
}

function requestedOperation({ document, payload }: OperationRequest<unknown>): RequestedOperation {
  return { document, operationName: payload.operationName, variables: payload.variables };
}

/** A `next` message up to its payload, which several subscribers may share. */
function beginningOf(id: string): string {
  return `{"id":${JSON.stringify(id)},"type":"next","payload":`;
}
