import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import {
  createSourceEventStream,
  type DocumentNode,
  getOperationAST,
  OperationTypeNode,
  type ValidatedSubscriptionArgs,
  validateSubscriptionArgs,
} from 'graphql';
import { makeServer, type Server, type SubscribePayload } from 'graphql-ws';
import type { Logger } from '../../log.ts';
import { SubscriberLaggedError } from '../../realtime/errors.ts';
import type { Authenticate } from '../auth/credentials.ts';
import { edgeError, formatError, OperationRefusedError, type TranslateError } from '../graphql/errors.ts';
import { badInput, type GraphqlPipeline } from '../graphql/pipeline.ts';
import type { Tuning } from '../tuning.ts';
import { type ClientSocket, tryAgainLater } from './client-socket.ts';
import { Operation } from './operation.ts';
import { SharedExecution, serializeResult } from './shared-execution.ts';

export interface WebSocketOperationsOptions<Viewer, Context extends object> {
  readonly engine: GraphqlPipeline;
  readonly tuning: Tuning;
  readonly logger: Logger;
  readonly translateError: TranslateError;
  readonly authenticate: Authenticate<Viewer>;
  readonly createContext: (viewer: Viewer) => Context;
  readonly accessScope: (viewer: Viewer) => string;
  readonly isTransient: (error: unknown) => boolean;
}

/** Milliseconds until a message that could not be made for now is tried again, give or take a half. */
const retryMs = 400;
/** Messages that one operation sends before others have their turn. */
const yieldEvery = 8;

/** What is known of one socket. */
export interface Connection<Viewer> {
  readonly client: ClientSocket;
  /** What the browser's cookie says, until `connection_init` has been answered. */
  cookieAuthorization: string | undefined;
  viewer: Viewer | undefined;
  /** How many operations are under way. */
  operations: number;
}

type ConnectionInit = Record<string, unknown>;

/** graphql-ws' server: it keeps the protocol; what operations are and send is ours. */
export function createWebSocketOperations<Viewer, Context extends object>(
  options: WebSocketOperationsOptions<Viewer, Context>,
): Server<Connection<Viewer>> {
  const { engine, logger, translateError } = options;
  const shared = new SharedExecution(translateError, options.isTransient);

  const operationOf = (
    connection: Connection<Viewer>,
    viewer: Viewer,
    id: string,
    document: DocumentNode,
    payload: SubscribePayload,
  ): Operation => {
    const { client } = connection;
    const { operationName, variables: variableValues } = payload;
    const isSubscription =
      getOperationAST(document, operationName)?.operation === OperationTypeNode.SUBSCRIPTION;
    // The text around a payload, which differs between sockets while the payload may not.
    const prefix = `{"id":${JSON.stringify(id)},"type":"next","payload":`;

    const argsOf = () => ({
      schema: engine.schema,
      document,
      operationName,
      variableValues,
      contextValue: options.createContext(viewer),
    });

    const runQuery = async (operation: Operation) => {
      const payload = serializeResult(await engine.execute(argsOf()), translateError);
      if (operation.open) await client.send(`${prefix}${payload}}`);
    };

    /** Tried for as long as the operation is open; undefined: it no longer is. */
    const renderMessage = async (
      value: unknown,
      key: string,
      args: ValidatedSubscriptionArgs,
      operation: Operation,
    ): Promise<string | undefined> => {
      while (operation.open) {
        try {
          return await shared.payload(value, key, args);
        } catch (error) {
          if (!options.isTransient(error)) throw error;
          logger.debug({ err: error }, 'a message cannot be made now; it is tried again');
          await delay(retryMs * (0.5 + Math.random()));
        }
      }
      return undefined;
    };

    const streamSubscription = async (operation: Operation) => {
      const args = validateSubscriptionArgs(argsOf());
      if (!('schema' in args)) throw new OperationRefusedError(args.map(badInput));
      const stream = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in stream)) throw new OperationRefusedError(stream.errors ?? []);
      const source = stream[Symbol.asyncIterator]();
      operation.attachSource(source);
      const key = JSON.stringify([
        options.accessScope(viewer),
        engine.idOf(document),
        operationName,
        variableValues,
      ]);
      // A socket that was cut off stays for a while, and must not empty its source into nothing.
      for (let sent = 1; operation.open && client.open; sent += 1) {
        const { done, value } = await next(source, client);
        if (done || !operation.open) return;
        const payload = await renderMessage(value, key, args, operation);
        if (payload === undefined || !operation.open) return;
        if (sent % yieldEvery === 0) await immediate();
        // Only who reads is given more: what waits for a slow reader waits in the source, as a number.
        const drained = client.send(`${prefix}${payload}}`);
        if (drained) await drained;
      }
    };

    return new Operation(async (operation) => {
      connection.operations += 1;
      try {
        await (isSubscription ? streamSubscription(operation) : runQuery(operation));
      } finally {
        connection.operations -= 1;
      }
    });
  };

  return makeServer<ConnectionInit, Connection<Viewer>>({
    connectionInitWaitTimeout: options.tuning.connectionInitTimeout,

    async onConnect({ connectionParams, extra }) {
      const { authorization = extra.cookieAuthorization } = connectionParams ?? {};
      extra.cookieAuthorization = undefined;
      try {
        if (typeof authorization === 'string') {
          extra.viewer = (await options.authenticate(authorization)) ?? undefined;
        }
      } catch (err) {
        // Not 4500, which would end the client's retries: the database may be back in a moment.
        logger.error({ err }, 'authentication failed');
        extra.client.close(tryAgainLater, 'Cannot authenticate now');
      }
      if (extra.viewer === undefined) logger.debug({ code: 'UNAUTHENTICATED' }, 'connection refused');
      return extra.viewer !== undefined;
    },

    onSubscribe({ extra }, id, payload) {
      if (extra.viewer === undefined) return [edgeError('A valid token is required.', 'UNAUTHENTICATED')];
      if (extra.operations >= options.tuning.maxOperationsPerSocket) {
        return [edgeError('Too many operations on one socket.', 'RATE_LIMITED')];
      }
      let document: DocumentNode;
      try {
        document = engine.parse(payload.query);
      } catch (error) {
        return [translateError(error)];
      }
      const errors = engine.validate(document);
      if (errors.length > 0) return errors;
      if (!getOperationAST(document, payload.operationName)) {
        return [edgeError('Could not determine what operation to execute.', 'BAD_USER_INPUT')];
      }
      const contextValue = operationOf(extra, extra.viewer, id, document, payload);
      return { schema: engine.schema, document, operationName: payload.operationName, contextValue };
    },

    // Both only hand over what `onSubscribe` made.
    execute: ({ contextValue }) => operationIn(contextValue),
    subscribe: ({ contextValue }) => operationIn(contextValue),

    onError(_context, _id, _payload, errors) {
      return errors
        .flatMap((error) => refusals(error.cause) ?? [error])
        .map((error) => formatError(translateError(error)));
    },
  });
}

/** Who fell too far behind is sent away like any who reads too slowly: coming back, he sees things as they are. */
async function next(source: AsyncIterator<unknown>, client: ClientSocket): Promise<IteratorResult<unknown>> {
  try {
    return await source.next();
  } catch (error) {
    if (!(error instanceof SubscriberLaggedError)) throw error;
    client.disconnectSlowClient();
    return { done: true, value: undefined };
  }
}

function operationIn(contextValue: unknown): Operation {
  if (contextValue instanceof Operation) return contextValue;
  throw new TypeError('Not an operation.');
}

function refusals(cause: unknown): readonly Error[] | undefined {
  return cause instanceof OperationRefusedError ? cause.errors : undefined;
}
