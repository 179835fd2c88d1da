import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { createYoga, type GraphQLParams, type Plugin } from 'graphql-yoga';
import type { Logger } from '../../log.ts';
import { RateLimitedError, UnauthenticatedError } from '../../tasks/domain/errors.ts';
import { type Authenticate, addressOf, authorizationOf, credentialOf } from '../auth/credentials.ts';
import { type ApiErrorCode, apiErrorCodes } from '../graphql/error-codes.ts';
import { edgeError, httpOf, type TranslateError } from '../graphql/errors.ts';
import type {
  ChargeInvalid,
  CreateContext,
  GraphqlPipeline,
  RequestedOperation,
} from '../graphql/pipeline.ts';
import { replyError } from '../reply.ts';
import { acceptedType } from './accepted-type.ts';
import { handleCors } from './cors.ts';
import { type RequestParams, readBody, readQueryString, UnreadableRequestError } from './request-params.ts';

export interface GraphqlHttpOptions<Viewer, Context extends object> {
  readonly pipeline: GraphqlPipeline;
  /** Bytes. */
  readonly maxBody: number;
  readonly corsOrigins: readonly string[];
  readonly logger: Logger;
  readonly translateError: TranslateError;
  readonly authenticate: Authenticate<Viewer>;
  readonly chargeInvalid: ChargeInvalid<Viewer>;
  readonly createContext: CreateContext<Viewer, Context>;
}

/** What we add to the context that Yoga passes from a request to its operation. */
interface YogaServerContext {
  readonly createContext: (operation: RequestedOperation) => object | Promise<object>;
  readonly requestParams: RequestParams;
}

export type GraphqlHttp = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * `POST /graphql`: one query or mutation in a JSON body; `GET /graphql`: one query in the query string, as some clients send
 * it. Yoga answers it after the checks here.
 */
export function createGraphqlHttp<Viewer, Context extends object>(
  options: GraphqlHttpOptions<Viewer, Context>,
): GraphqlHttp {
  const { pipeline, logger, translateError } = options;
  const yoga = createYoga<YogaServerContext>({
    schema: pipeline.schema,
    graphqlEndpoint: '/graphql',
    plugins: [usePipeline(pipeline, translateError)],
    maskedErrors: { maskError: translateError },
    // The body is read here: Yoga takes no compressed one, and refuses properties that it does not know.
    maxRequestBodySize: false,
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
      code: ApiErrorCode,
      headers: OutgoingHttpHeaders = {},
    ) => {
      logger.debug({ status, code }, 'request refused');
      replyError(response, status, edgeError(message, code), headers);
    };
    const refuseForNow = (error: unknown) => {
      if (!(error instanceof RateLimitedError)) throw error;
      const { status, headers } = httpOf(error);
      refuse(status, error.message, error.code, headers);
    };
    if (handleCors(options.corsOrigins, request, response)) return;
    const isGet = request.method === 'GET';
    if (!isGet && request.method !== 'POST') {
      return refuse(405, 'GraphQL is served over POST and GET.', 'BAD_USER_INPUT', { allow: 'GET, POST' });
    }
    // Before authentication: a form on another site can send other content types together with the visitor's credentials.
    const contentType = request.headers['content-type'];
    if (!(isGet && contentType === undefined) && !isJson(contentType)) {
      return refuse(415, 'The body must be application/json, in UTF-8.', 'BAD_USER_INPUT');
    }
    const accept = acceptedType(request.headers.accept);
    if (accept === null) {
      return refuse(
        406,
        'The response is application/json, which the request does not accept.',
        'BAD_USER_INPUT',
      );
    }
    const credential =
      isGet && !mayReadWithCookie(request) ? authorizationOf(request) : credentialOf(request);
    let viewer: Viewer;
    try {
      if (credential === undefined) throw new UnauthenticatedError('A valid token is required.');
      ({ viewer } = await options.authenticate(credential, addressOf(request)));
    } catch (error) {
      if (error instanceof UnauthenticatedError) {
        return refuse(apiErrorCodes.UNAUTHENTICATED.status, error.message, error.code, {
          'www-authenticate': 'Bearer',
        });
      }
      return refuseForNow(error);
    }
    let requestParams: RequestParams;
    try {
      requestParams = isGet ? readQueryString(request.url ?? '') : await readBody(request, options.maxBody);
    } catch (error) {
      if (error instanceof UnreadableRequestError) {
        return refuse(error.status, error.message, 'BAD_USER_INPUT');
      }
      // The client has left in the middle of its request.
      if (!request.destroyed) throw error;
      response.destroy();
      return;
    }
    if (!pipeline.mayRun(requestParams)) {
      try {
        await options.chargeInvalid(viewer, String(requestParams.query ?? ''));
      } catch (error) {
        return refuseForNow(error);
      }
    }
    // In the spellings that Yoga knows.
    request.url = '/graphql';
    request.headers['content-type'] = 'application/json';
    request.headers.accept = accept;
    if (isGet) response.setHeader('cache-control', 'no-store');
    await yoga(request, response, {
      createContext: (operation) => options.createContext(viewer, operation),
      requestParams,
    });
  };
}

/** Browsers send no Origin with a GET, but say where it comes from. A page of another site must not even cause work. */
function mayReadWithCookie({ headers }: IncomingMessage): boolean {
  return headers['sec-fetch-site'] === 'same-origin';
}

/** Whether the header is `application/json`, and its charset UTF-8 if it has one. Other parameters mean nothing (RFC 8259). */
function isJson(contentType = ''): boolean {
  const [type, ...parameters] = contentType.toLowerCase().split(';');
  if (type?.trim() !== 'application/json') return false;
  return parameters.every((parameter) => {
    const [name, value = ''] = parameter.split('=', 2);
    return name?.trim() !== 'charset' || /^(["']?)utf-?8\1$/.test(value.trim());
  });
}

/** Makes Yoga parse, validate and execute with the pipeline that the WebSocket uses. */
function usePipeline(pipeline: GraphqlPipeline, translateError: TranslateError): Plugin<YogaServerContext> {
  return {
    onRequestParse({ setRequestParser, serverContext }) {
      // Checked by Yoga afterwards.
      setRequestParser(() => (serverContext as Partial<YogaServerContext>).requestParams as GraphQLParams);
    },
    onParse({ setParseFn }) {
      setParseFn((source) => pipeline.parse(typeof source === 'string' ? source : source.body));
    },
    onValidate({ setValidationFn }) {
      setValidationFn((_schema, document) => pipeline.validate(document));
    },
    onExecute({ setExecuteFn }) {
      // Yoga merges a context into its own. Resolvers must get the context itself, as they do on a WebSocket.
      setExecuteFn(async (args) => {
        const { document, operationName, variableValues: variables } = args;
        let contextValue: object;
        try {
          contextValue = await args.contextValue.createContext({ document, operationName, variables });
        } catch (error) {
          return { errors: [translateError(error)] };
        }
        return pipeline.execute({ ...args, contextValue });
      });
    },
    onSubscribe({ setSubscribeFn }) {
      setSubscribeFn(async ({ contextValue, document, operationName, variableValues: variables }) => {
        try {
          // Counts it.
          await contextValue.createContext({ document, operationName, variables });
        } catch (error) {
          return { errors: [translateError(error)] };
        }
        return { errors: [edgeError('Subscriptions are served over WebSocket.', 'BAD_USER_INPUT')] };
      });
    },
  };
}
