export interface GraphqlResponse {
  readonly status: number;
  readonly data?: unknown;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: Readonly<Record<string, unknown>>;
  }[];
}

/** Sends one operation over HTTP. `url` is the server's; without a token the request has no credentials. */
export async function fetchGraphql(
  url: string,
  token: string | undefined,
  query: string,
  variables?: Readonly<Record<string, unknown>>,
): Promise<GraphqlResponse> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const body: unknown = await response.json();
  return { status: response.status, ...(body as Omit<GraphqlResponse, 'status'>) };
}
