import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchGraphql } from '../support/fetch-graphql.ts';
import { connect } from '../support/graphql-ws-client.ts';
import { type StartedApp, startApp } from './started-app.ts';

let app: StartedApp;
beforeAll(async () => {
  app = await startApp('api');
});
afterAll(() => app[Symbol.asyncDispose]());

const repeat = (text: string, times: number) => text.repeat(times);
const list = (times: number, each: (index: number) => string) =>
  Array.from({ length: times }, (_, i) => each(i)).join(' ');
/** Fragments that each spread the next one twice: 2^n fields for those who expand them. */
const doubling = (depth: number) =>
  list(depth, (i) => `fragment F${i} on Task { ...F${i + 1} ...F${i + 1} }`) +
  ` fragment F${depth} on Task { id }`;

/** Each costs more to answer than to send, or asks for what it may not have. */
const hostile: readonly [what: string, query: string, code: string, variables?: Record<string, unknown>][] = [
  ['brackets nested hundreds deep', `{ ${repeat('a{', 900)}a${repeat('}', 900)} }`, 'QUERY_TOO_COMPLEX'],
  [
    'lists nested hundreds deep',
    `{ node(id: ${repeat('[', 950)}${repeat(']', 950)}) { id } }`,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  ['hundreds of aliases', `{ ${list(300, (i) => `a${i}: viewer { scopes }`)} }`, 'QUERY_TOO_COMPLEX'],
  [
    'dozens of mutations',
    `mutation { ${list(20, (i) => `a${i}: cancelTask(id: "x") { id }`)} }`,
    'QUERY_TOO_COMPLEX',
  ],
  ['fragments that double', `{ tasks { nodes { ...F0 } } } ${doubling(60)}`, 'QUERY_TOO_COMPLEX'],
  [
    'fragments of the root that double',
    `{ ...F0 } ${doubling(60).replaceAll('on Task', 'on Query').replace('{ id }', '{ viewer { scopes } }')}`,
    'QUERY_TOO_COMPLEX',
  ],
  ['fields that repeat', `{ ${list(300, () => 'viewer { scopes }')} }`, 'QUERY_TOO_COMPLEX'],
  [
    'fields that repeat within fields that repeat',
    `{ ${list(30, () => `viewer { ${list(30, () => 'scopes')} }`)} }`,
    'QUERY_TOO_COMPLEX',
  ],
  [
    'fragments that repeat each other',
    `{ viewer { ${list(200, (i) => `...F${i}`)} } } ${list(200, (i) => `fragment F${i} on Viewer { scopes }`)}`,
    'QUERY_TOO_COMPLEX',
  ],
  [
    'a fragment that repeats fields and is spread nowhere',
    `{ viewer { scopes } } fragment F on Viewer { ${list(1_900, () => 'scopes')} }`,
    'QUERY_TOO_COMPLEX',
  ],
  [
    'a fragment that spreads itself',
    '{ viewer { ...F } } fragment F on Viewer { ...F }',
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'fragments that spread each other',
    '{ viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...A }',
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'pages of pages of pages',
    `{ ${repeat('tasks(first: 100) { nodes { project { ', 1)}${repeat('tasks(first: 100) { nodes { project { ', 2)} id ${repeat('} } } ', 3)} }`,
    'QUERY_TOO_COMPLEX',
  ],
  ['a page that says that it is small', '{ tasks(first: -100) { nodes { id } } }', 'BAD_USER_INPUT'],
  [
    'hundreds of directives',
    `{ viewer { scopes ${list(300, () => '@skip(if: false)')} } }`,
    'QUERY_TOO_COMPLEX',
  ],
  [
    'hundreds of variables',
    `query (${list(300, (i) => `$v${i}: ID`)}) { viewer { scopes } }`,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'the prototype as a variable',
    'query ($__proto__: ID!) { task(id: $__proto__) { id } }',
    'BAD_USER_INPUT',
  ],
  ['an id of many characters', `{ task(id: "${repeat('x', 50_000)}") { id } }`, 'found nothing'],
  [
    'SQL in every argument',
    `{ tasks(after: "' or 1=1 --", filter: { search: "'; drop table task; --" }) { nodes { id } } }`,
    'BAD_USER_INPUT',
  ],
  [
    'NUL and half surrogates in a search',
    'query ($s: String) { tasks(filter: { search: $s }) { nodes { id } } }',
    'found nothing',
    { s: 'a\0b\ud800' },
  ],
];

describe('a hostile document', () => {
  it.each(hostile)(
    'with %s is answered in time and alike over HTTP and WebSocket',
    async (_what, query, code, variables) => {
      const began = performance.now();
      const { errors } = await fetchGraphql(app.url, app.token, query, variables);
      const client = await connect(app.url, { token: app.token });
      const { payload } = await client.run({ query, ...(variables && { variables }) });
      await client.close();
      expect(performance.now() - began).toBeLessThan(10_000);
      const overWebSocket = (
        Array.isArray(payload) ? payload : (payload as { errors?: unknown[] }).errors
      ) as typeof errors;
      const codes = [errors, overWebSocket].map((each) => each?.[0]?.extensions.code ?? 'found nothing');
      expect(codes).toEqual([code, code]);
      for (const error of [...(errors ?? []), ...(overWebSocket ?? [])]) {
        expect(JSON.stringify(error)).not.toMatch(/node_modules|\.ts:|select |INTERNAL/);
      }
    },
  );
});
