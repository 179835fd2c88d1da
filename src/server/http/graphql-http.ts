import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { Logger } from '../../log.ts';
import { type Authenticate, authorizationOf } from '../auth/credentials.ts';
import { type EdgeErrorCode, edgeError, type TranslateError } from '../graphql/errors.ts';
import type { GraphqlPipeline } from '../graphql/pipeline.ts';
import { replyError } from '../reply.ts';

export interface GraphqlHttpOptions<Viewer, Context extends object> {
  readonly engine: GraphqlPipeline;
  readonly maxBody: number;
  readonly logger: Logger;
  readonly translateError: TranslateError;
  readonly authenticate: Authenticate<Viewer>;
  readonly createContext: (viewer: Viewer) => Context;
}

/** What Yoga carries from a request to its operation, beside its own things. */
interface YogaServerContext {
  readonly operationContext: object;
}

/** `POST /graphql`: one query or mutation in a JSON body. Yoga reads, runs and answers it once it may be heard at all. */
export function createGraphqlHttp<Viewer, Context extends object>(
  options: GraphqlHttpOptions<Viewer, Context>,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { engine, logger, translateError } = options;
  const yoga = createYoga<YogaServerContext>({
    schema: engine.schema,
    graphqlEndpoint: '/graphql',
    plugins: [useEngine(engine)],
    maskedErrors: { maskError: translateError },
    maxRequestBodySize: options.maxBody,
    parserAndValidationCache: false,
    batching: false,
    multipart: false,
    cors: false,
    graphiql: false,
    landingPage: false,
    logging: false,
  });

  return async (request, response) => {
    const refuse = (
      status: number,
      message: string,
      code: EdgeErrorCode,
      headers: OutgoingHttpHeaders = {},
    ) => {
      logger.debug({ status, code }, 'request refused');
      replyError(response, status, edgeError(message, code), headers);
    };
    if (request.method !== 'POST') {
      return refuse(405, 'GraphQL is served over POST.', 'BAD_USER_INPUT', { allow: 'POST' });
    }
    // Before the credentials are looked at: what a form of another site can send is refused whoever seems to send it.
    if (!isJson(request)) return refuse(415, 'The body must be application/json.', 'BAD_USER_INPUT');
    const authorization = authorizationOf(request);
    const viewer = authorization === undefined ? null : await options.authenticate(authorization);
    if (viewer === null) {
      return refuse(401, 'A valid token is required.', 'UNAUTHENTICATED', { 'www-authenticate': 'Bearer' });
    }
    await yoga(request, response, { operationContext: options.createContext(viewer) });
  };
}

function isJson(request: IncomingMessage): boolean {
  return /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(request.headers['content-type'] ?? '');
}

/** Makes Yoga run operations just as the WebSocket does. */
function useEngine(engine: GraphqlPipeline): Plugin<YogaServerContext> {
  return {
    onParse({ setParseFn }) {
      setParseFn((source) => engine.parse(typeof source === 'string' ? source : source.body));
    },
    onValidate({ setValidationFn }) {
      setValidationFn((_schema, document) => engine.validate(document));
    },
    onExecute({ setExecuteFn }) {
      // Yoga copies a context into its own; resolvers get the very one that was made, as they do on a WebSocket.
      setExecuteFn((args) => engine.execute({ ...args, contextValue: args.contextValue.operationContext }));
    },
    onSubscribe({ setSubscribeFn }) {
      setSubscribeFn(() => ({
        errors: [edgeError('Subscriptions are served over WebSocket.', 'BAD_USER_INPUT')],
      }));
    },
  };
}
