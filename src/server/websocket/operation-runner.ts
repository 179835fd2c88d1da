import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  getOperationAST,
  OperationTypeNode,
  type ValidatedSubscriptionArgs,
  validateSubscriptionArgs,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import type { Logger } from '../../log.ts';
import { SubscriberLaggedError } from '../../realtime/errors.ts';
import { OperationRefusedError, type TranslateError } from '../graphql/errors.ts';
import { badInput, type CreateContext, type GraphqlPipeline } from '../graphql/pipeline.ts';
import type { ClientSocket } from './client-socket.ts';
import type { Operation } from './operation.ts';
import { SharedExecution, serializeResult } from './shared-execution.ts';

export interface OperationRunnerOptions<Viewer, Context extends object> {
  readonly pipeline: GraphqlPipeline;
  readonly logger: Logger;
  readonly translateError: TranslateError;
  readonly createContext: CreateContext<Viewer, Context>;
  readonly accessScope: (viewer: Viewer) => string;
  readonly isTransient: (error: unknown) => boolean;
}

/** One operation that a client has asked for and that is valid. */
export interface OperationRequest<Viewer> {
  readonly client: ClientSocket;
  readonly viewer: Viewer;
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

  constructor(options: OperationRunnerOptions<Viewer, Context>) {
    this.#options = options;
    this.#shared = new SharedExecution(options.translateError, options.isTransient);
  }

  /** Resolves when the operation has ended. Rejects with what ended it early. */
  async run(operation: Operation, request: OperationRequest<Viewer>): Promise<void> {
    const type = getOperationAST(request.document, request.payload.operationName)?.operation;
    if (type === OperationTypeNode.SUBSCRIPTION) await this.#streamSubscription(operation, request);
    else await this.#runQuery(operation, request);
  }

  async #runQuery(operation: Operation, request: OperationRequest<Viewer>): Promise<void> {
    const { pipeline, translateError } = this.#options;
    const result = await pipeline.execute(await this.#argsOf(request));
    const payload = serializeResult(result, translateError);
    if (operation.open) await request.client.send(`${beginningOf(request.id)}${payload}}`);
  }

  async #streamSubscription(operation: Operation, request: OperationRequest<Viewer>): Promise<void> {
    const { client, id } = request;
    const args = validateSubscriptionArgs(await this.#argsOf(request));
    if (!('schema' in args)) throw new OperationRefusedError(args.map(badInput));
    const stream = await createSourceEventStream(args);
    if (!(Symbol.asyncIterator in stream)) throw new OperationRefusedError(stream.errors ?? []);
    const source = stream[Symbol.asyncIterator]();
    operation.attachSource(source);
    const key = this.#sharingKey(request);
    const beginning = beginningOf(id);
    // A disconnected socket stays in the closing state for a while; values taken for it would be lost.
    for (let sent = 1; operation.open && client.open; sent += 1) {
      const { done, value } = await next(source, client);
      if (done || !operation.open) return;
      const payload = await this.#render(value, key, args, operation);
      if (payload === undefined || !operation.open) return;
      if (sent % yieldEvery === 0) await immediate();
      // Backpressure: take the next value only after the socket drained. Until then the subscriber costs only its position.
      const drained = client.send(`${beginning}${payload}}`);
      if (drained) await drained;
    }
  }

  /** Retries transient errors for as long as the operation is open. Undefined when it was closed meanwhile. */
  async #render(
    value: unknown,
    key: string,
    args: ValidatedSubscriptionArgs,
    operation: Operation,
  ): Promise<string | undefined> {
    const { isTransient, logger } = this.#options;
    while (operation.open) {
      try {
        return await this.#shared.payload(value, key, args);
      } catch (error) {
        if (!isTransient(error)) throw error;
        logger.debug({ err: error }, 'a message failed with a transient error; retrying');
        await delay(retryMs * (0.5 + Math.random()));
      }
    }
    return undefined;
  }

  async #argsOf({ viewer, document, payload }: OperationRequest<Viewer>): Promise<ExecutionArgs> {
    const { pipeline, createContext } = this.#options;
    const { operationName, variables } = payload;
    const contextValue = await createContext(viewer, { document, operationName, variables });
    const { schema, hideSuggestions } = pipeline;
    return { schema, hideSuggestions, document, operationName, variableValues: variables, contextValue };
  }

  /** Equal for subscriptions that receive the same payload for the same value. */
  #sharingKey({ viewer, document, payload }: OperationRequest<Viewer>): string {
    const { pipeline, accessScope } = this.#options;
    const { operationName, variables } = payload;
    return JSON.stringify([accessScope(viewer), pipeline.idOf(document), operationName, variables]);
  }
}

/** A `next` message up to its payload, which several subscribers may share. */
function beginningOf(id: string): string {
  return `{"id":${JSON.stringify(id)},"type":"next","payload":`;
}

/** A subscriber that fell too far behind is disconnected with 1013; after reconnecting it starts from the current state. */
async function next(source: AsyncIterator<unknown>, client: ClientSocket): Promise<IteratorResult<unknown>> {
  try {
    return await source.next();
  } catch (error) {
    if (!(error instanceof SubscriberLaggedError)) throw error;
    client.disconnectSlowClient();
    return { done: true, value: undefined };
  }
}
