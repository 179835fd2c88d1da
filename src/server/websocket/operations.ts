import { type DocumentNode, type GraphQLError, getOperationAST } from 'graphql';
import { makeServer, type Server, type SubscribePayload } from 'graphql-ws';
import { withLogFields } from '../../log.ts';
import { RateLimitedError, UnauthenticatedError } from '../../tasks/domain/errors.ts';
import type { Credential } from '../../tasks/domain/viewer.ts';
import { type Authenticate, authorizationInPayload } from '../auth/credentials.ts';
import { edgeError, formatError, OperationRefusedError } from '../graphql/errors.ts';
import type { ChargeInvalid } from '../graphql/pipeline.ts';
import type { Tuning } from '../tuning.ts';
import type { ClientSocket } from './client-socket.ts';
import { forbidden, tryAgainLater } from './close-codes.ts';
import { Operation } from './operation.ts';
import { OperationRunner, type OperationRunnerOptions } from './operation-runner.ts';

export interface WebSocketOperationsOptions<Viewer, Context extends object>
  extends OperationRunnerOptions<Viewer, Context> {
  readonly tuning: Tuning;
  readonly authenticate: Authenticate<Viewer>;
  readonly chargeInvalid: ChargeInvalid<Viewer>;
}

/** The state of one socket. */
export interface Connection<Viewer> {
  readonly client: ClientSocket;
  /** The IP address of the client. */
  readonly address: string;
  /** Stand in each line that is logged while an operation starts, or answers. */
  readonly logFields: Readonly<Record<string, string>>;
  /** The credential of the upgrade request; cleared once `connection_init` has been handled. */
  upgradeCredential: Credential | undefined;
  viewer: Viewer | undefined;
  /** Stops waiting for the end of the viewer's credential. */
  forgetEnd: (() => void) | undefined;
  /** How many operations are running. */
  operations: number;
}

type ConnectionInit = Record<string, unknown>;

/** graphql-ws' server implements the protocol; our `Operation` runs the operations and sends their messages. */
export function createWebSocketOperations<Viewer, Context extends object>(
  options: WebSocketOperationsOptions<Viewer, Context>,
): Server<Connection<Viewer>> {
  const { pipeline, logger, translateError, tuning } = options;
  const runner = new OperationRunner(options);

  const refuse = async (viewer: Viewer, text: string, errors: readonly GraphQLError[]) => {
    try {
      await options.chargeInvalid(viewer, text);
      return errors;
    } catch (error) {
      return [translateError(error)];
    }
  };

  /** False when the client is refused; its socket is closed then. */
  const connect = async (connection: Connection<Viewer>, params: ConnectionInit | undefined) => {
    const { client, address } = connection;
    const authorization = authorizationInPayload(params);
    const credential =
      authorization === undefined ? connection.upgradeCredential : credentialIn(authorization);
    connection.upgradeCredential = undefined;
    try {
      if (!credential) throw new UnauthenticatedError('A valid token is required.');
      const { viewer, onEnd } = await options.authenticate(credential, address);
      connection.forgetEnd = onEnd(() => client.close(forbidden, 'The token or login has ended'));
      connection.viewer = viewer;
    } catch (err) {
      if (err instanceof UnauthenticatedError) {
        logger.debug({ code: err.code }, 'connection refused');
        client.close(forbidden, err.message);
      } else if (err instanceof RateLimitedError) {
        logger.debug({ code: err.code }, 'connection refused');
        client.close(tryAgainLater, err.message);
      } else {
        // Not 4500, after which clients give up: the database may be back in a moment.
        logger.error({ err }, 'authentication failed');
        client.close(tryAgainLater, 'Authentication is unavailable');
      }
    }
    // The socket was closed while the token was looked up.
    if (!client.open) forgetEnd(connection);
    return connection.viewer !== undefined;
  };

  /** What graphql-ws runs next, or why it may not be run. */
  const prepare = async (connection: Connection<Viewer>, id: string, sent: SubscribePayload) => {
    // Some clients send an empty name when there is none.
    const payload = { ...sent, operationName: sent.operationName || undefined };
    const { client, viewer, logFields } = connection;
    if (viewer === undefined) return [edgeError('A valid token is required.', 'UNAUTHENTICATED')];
    if (connection.operations >= tuning.maxOperationsPerSocket) {
      const limit = tuning.maxOperationsPerSocket;
      return [
        edgeError(
          `The socket has too many running operations: at most ${limit} are allowed.`,
          'RATE_LIMITED',
        ),
      ];
    }
    let document: DocumentNode;
    try {
      document = pipeline.parse(payload.query);
    } catch (error) {
      return refuse(viewer, payload.query, [translateError(error)]);
    }
    const errors = pipeline.validate(document);
    if (errors.length > 0) return refuse(viewer, payload.query, errors);
    if (!getOperationAST(document, payload.operationName)) {
      const error = edgeError('Could not determine what operation to execute.', 'BAD_USER_INPUT');
      return refuse(viewer, payload.query, [error]);
    }
    const contextValue = new Operation(async (operation) => {
      connection.operations += 1;
      try {
        await runner.run(operation, { client, viewer, logFields, id, document, payload });
      } finally {
        connection.operations -= 1;
      }
    });
    return { schema: pipeline.schema, document, operationName: payload.operationName, contextValue };
  };

  return makeServer<ConnectionInit, Connection<Viewer>>({
    connectionInitWaitTimeout: tuning.connectionInitTimeout,

    onConnect: ({ connectionParams, extra }) =>
      withLogFields(extra.logFields, () => connect(extra, connectionParams)),

    onClose({ extra }) {
      forgetEnd(extra);
    },

    onSubscribe: ({ extra }, id, payload) =>
      withLogFields(extra.logFields, () => prepare(extra, id, payload)),

    // graphql-ws hands our Operation through as contextValue; both hooks return it, and it sends its own messages.
    execute: ({ contextValue }) => operationIn(contextValue),
    subscribe: ({ contextValue }) => operationIn(contextValue),

    onError: ({ extra }, _id, _payload, errors) =>
      withLogFields(extra.logFields, () =>
        errors.flatMap(errorsOf).map((error) => formatError(translateError(error))),
      ),
  });
}

/** Undefined when it is no string. */
function credentialIn(authorization: unknown): Credential | undefined {
  return typeof authorization === 'string' ? { authorization: authorization.trim() } : undefined;
}

/** Once only: it is counted. */
function forgetEnd(connection: Connection<unknown>): void {
  connection.forgetEnd?.();
  connection.forgetEnd = undefined;
}

function operationIn(contextValue: unknown): Operation {
  if (contextValue instanceof Operation) return contextValue;
  throw new TypeError('The context is not an operation.');
}

/** graphql-ws wraps what an operation throws. */
function errorsOf(error: GraphQLError): readonly Error[] {
  return error.cause instanceof OperationRefusedError ? error.cause.errors : [error];
}
