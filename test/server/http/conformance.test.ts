import { type AuditResult, serverAudits } from 'graphql-http';
import { beforeAll, describe, expect, it } from 'vitest';
import { type StartedApp, startApp } from '../../schema/started-app.ts';

/** A server with every protection on, and introspection as given. The token has one scope. */
async function startProtected({ introspection }: { introspection: 'allow' | 'deny' }) {
  const app = await startApp('api', {
    GROUNDCREW_INTROSPECTION: introspection,
    GROUNDCREW_RATE_LIMIT: '6000',
    GROUNDCREW_MAX_ACTIVE_TASKS: '1',
    GROUNDCREW_CORS_ORIGINS: 'https://app.example.com',
    GROUNDCREW_LOCAL_REPOS: 'deny',
  });
  const { createApiToken } = await app.ask<{ createApiToken: { token: string } }>(
    'mutation { createApiToken(input: { name: "audits", scopes: [TASKS_READ] }) { token } }',
  );
  return { app, token: createApiToken.token };
}

/** Sends what the audits send, with a token. `rewrite` changes documents. */
function runAudits(
  { url }: StartedApp,
  token: string,
  rewrite: (text: string) => string = (text) => text,
): Promise<AuditResult[]> {
  const audits = serverAudits({
    url: `${url}/graphql`,
    fetchFn: (target: string, init: RequestInit = {}) => {
      const address = new URL(target);
      const query = address.searchParams.get('query');
      if (query !== null) address.searchParams.set('query', rewrite(query));
      const body = typeof init.body === 'string' ? rewrite(init.body) : init.body;
      const headers = { ...init.headers, authorization: `Bearer ${token}` };
      return fetch(address, { ...init, ...(body === undefined ? {} : { body }), headers });
    },
  });
  return Promise.all(audits.map((audit) => audit.fn()));
}

const failures = (results: readonly AuditResult[]) => results.filter(({ status }) => status !== 'ok');

it('GraphQL over HTTP passes every audit of graphql-http with limits, an allow list of origins and a token of one scope', async () => {
  const { app, token } = await startProtected({ introspection: 'allow' });
  await using _ = app;
  const results = await runAudits(app, token);
  expect(results.length).toBeGreaterThan(50);
  expect(failures(results)).toEqual([]);
});

describe('with introspection denied too', () => {
  let app: StartedApp;
  let token: string;
  beforeAll(async () => {
    ({ app, token } = await startProtected({ introspection: 'deny' }));
    return () => app[Symbol.asyncDispose]();
  });

  it('only those audits fail that expect data of __type, each with an answer that says why', async () => {
    const failed = failures(await runAudits(app, token));
    const answers = failed.map((result) => ({
      name: result.name,
      status: result.status,
      reason: 'reason' in result && result.reason,
    }));
    // Each tests whether variables are taken. `warn` is for what a server SHOULD do, `notice` for what it MAY do.
    expect(answers.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      expectedFailure(
        'MAY allow URL-encoded JSON string {variables}',
        'application/graphql-response+json',
        'notice',
      ),
      expectedFailure('MAY allow URL-encoded JSON string {variables}', 'application/json', 'notice'),
      expectedFailure('MUST allow map {variables}', 'application/json', 'error'),
      expectedFailure('SHOULD allow map {variables}', 'application/graphql-response+json', 'warn'),
    ]);
    for (const result of failed) {
      if (!('response' in result)) throw new Error('an audit that failed has a response');
      expect(await result.response.json()).toEqual({
        errors: [
          {
            message: expect.stringContaining('introspection has been disabled'),
            locations: [expect.anything()],
            extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
          },
        ],
      });
    }
  });

  it('every audit passes when it asks for a node in the place of __type', async () => {
    const results = await runAudits(app, token, (text) =>
      text
        .replace(
          '($name: String!) { __type(name: $name) { name } }',
          '($name: ID!) { node(id: $name) { id } }',
        )
        .replace(/__type\(name: (.*?)\) \{ name \}/, 'node(id: $1) { id }'),
    );
    expect(failures(results)).toEqual([]);
  });
});

function expectedFailure(what: string, type: string, status: AuditResult['status']) {
  return {
    status,
    name: expect.stringMatching(
      new RegExp(`^${what.replace(/[{}]/g, '\\$&')} .*${type.replace('+', '\\+')}$`),
    ),
    reason: expect.stringMatching(/status|errors/),
  };
}
