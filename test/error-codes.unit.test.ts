import { globSync, readFileSync } from 'node:fs';
import { CloseCode } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { apiErrorCodes } from '../src/server/graphql/error-codes.ts';
import { closeCodes } from '../src/server/websocket/close-codes.ts';
import { taskErrorCodes } from '../src/tasks/domain/error-codes.ts';
import { noticeCodes } from '../src/tasks/domain/transcript/notice-codes.ts';

const tables = { apiErrorCodes, taskErrorCodes, closeCodes, noticeCodes };
const descriptions = Object.entries(tables).flatMap(([name, table]) =>
  Object.entries(table).map(([code, description]) => [`${name}.${code}`, description] as const),
);

/** The codes of `extensions.code` that CONTRACT.md promises. */
const promised = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'BAD_USER_INPUT',
  'IDEMPOTENCY_CONFLICT',
  'INVALID_STATE',
  'QUOTA_EXCEEDED',
  'RATE_LIMITED',
  'QUERY_TOO_COMPLEX',
  'INTERNAL_SERVER_ERROR',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
];

/** graphql-ws defines these for clients. */
const sentByClients = [
  CloseCode.InternalClientError,
  CloseCode.BadResponse,
  CloseCode.ConnectionAcknowledgementTimeout,
];

/** The system's own code for a DNS that does not answer, and the word of a metric for codes that no table has. */
const ofOthers = ['EAI_AGAIN', 'OTHER'];

describe('the tables of error codes', () => {
  it.each(descriptions)('describe %s in sentences', (_code, { when, remedy }) => {
    for (const text of [when, remedy]) {
      expect(text).toMatch(/^[A-Z][^\n|]*\.$/);
      expect(text.length).toBeLessThan(200);
    }
  });

  it('contain every code that the source gives to an error', () => {
    const known = new Set<string>([
      ...Object.keys(apiErrorCodes),
      ...Object.keys(taskErrorCodes),
      ...ofOthers,
    ]);
    // The client gives codes of its own to what never reached a server.
    const files = globSync('src/**/*.ts', { exclude: ['src/client/**'] });
    const pattern = /\bcode\s*[:=]\s*'([A-Z_]+)'|Error\(\s*'([A-Z]+(?:_[A-Z]+)*)'/g;
    const given = files.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(pattern)].map((match) => match[1] ?? (match[2] as string)),
    );
    expect(given).toContain('NOT_FOUND');
    expect(given).toContain('STEP_TIMEOUT');
    expect(given.filter((code) => !known.has(code))).toEqual([]);
  });

  it('contain every code that the public contract promises', () => {
    expect(Object.keys(apiErrorCodes).sort()).toEqual(promised.sort());
  });

  it('contain every close code that graphql-ws has for servers', () => {
    const codes = Object.values(CloseCode).filter((code) => typeof code === 'number');
    const ofServers = codes.filter((code) => !sentByClients.includes(code));
    expect(Object.keys(closeCodes).map(Number)).toEqual(expect.arrayContaining(ofServers));
  });
});
