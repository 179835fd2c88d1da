import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import type { GraphQLInputObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { isBranchName } from '../src/repository/branch-name.ts';
import { describeRefusal, parseRepoUrl } from '../src/repository/repo-url.ts';
import { buildSchema } from '../src/schema/schema.ts';
import { authorizationInPayload, credentialOf } from '../src/server/auth/credentials.ts';
import { acceptedType } from '../src/server/http/accepted-type.ts';
import { refusalOfSource } from '../src/server/http/request-source.ts';
import { DomainError } from '../src/tasks/domain/errors.ts';
import { kindOfId, newId } from '../src/tasks/domain/id.ts';
import { rangeOf } from '../src/tasks/domain/pagination.ts';
import { parseTimestamp } from '../src/tasks/domain/timestamp.ts';
import { createSessionInput, createTaskInput, parseInput } from '../src/tasks/input.ts';
import { parseWakeUps } from '../src/tasks/store/wake-up.ts';
import { anyText } from './support/any-text.ts';

/** Text of all kinds, and text made of what parsers fall over. */
const text = fc.oneof(
  anyText,
  fc
    .array(
      fc.constantFrom(
        ...[
          '--upload-pack=x',
          '-',
          'ext::',
          'file://',
          'https://',
          'ssh://',
          'user:secret@',
          'git@',
          'host',
          ':22',
        ],
        ...[
          '/',
          '//',
          '../',
          '.git',
          '.lock',
          '@{',
          '\\',
          ' ',
          '\n',
          '\0',
          '\u202e',
          '\ud800',
          '%2e',
          '%00',
          '#',
          '?',
        ],
        ...['C:\\', '[::1]', '~', '*', '..', 'é', '99999999999', '0', '-1', 'Z', 'T', '_'],
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
);
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get through
const control = /[\u0000-\u001f\u007f]/;

describe('made from any text', () => {
  it('an address of a repository holds no option, no remote helper, no password and no control character', () => {
    fc.assert(
      fc.property(text, (input) => {
        const repo = parseRepoUrl(input);
        if (!repo) return void expect(describeRefusal(input)).toMatch(/\.$/);
        expect(repo.url).not.toMatch(/^-|^\w+::/);
        expect(repo.url).not.toMatch(/^\w+:\/\/[^/@]*:[^/@]*@/);
        expect(repo.url).not.toMatch(control);
        expect(repo.name).not.toBe('');
        expect(parseRepoUrl(repo.canonical)?.canonical).toBe(repo.canonical);
      }),
    );
  });

  it('a branch is no option, leaves no folder and holds no control character', () => {
    fc.assert(
      fc.property(text, (name) => {
        if (!isBranchName(name)) return;
        expect(name).not.toMatch(/^-|^\/|\.\.|@\{|\/$|\.lock$/);
        expect(name).not.toMatch(control);
        expect(name.isWellFormed()).toBe(true);
      }),
    );
  });

  it('a cursor is one of ours or refused, an id has a kind or none, an instant is exact or none', () => {
    fc.assert(
      fc.property(text, (input) => {
        expect(() => kindOfId(input)).not.toThrow();
        try {
          const { after } = rangeOf({ first: 1, after: input });
          expect(Buffer.from(after ?? '').toString('base64url')).toBe(input);
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_USER_INPUT', field: 'after' });
        }
        const instant = parseTimestamp(input);
        if (instant !== null) expect(Date.parse(instant)).toBe(Date.parse(input));
      }),
    );
    expect(kindOfId(newId('token'))).toBe('token');
  });

  it('an input is taken as it is, or refused with the field that is wrong', () => {
    const value = fc.oneof(text, fc.constant(undefined), fc.anything());
    // Of the schema, so that a new field is tried too.
    const types = buildSchema().getTypeMap();
    const names = ['CreateTaskInput', 'CreateSessionInput'].flatMap((name) =>
      Object.keys((types[name] as GraphQLInputObjectType).getFields()),
    );
    expect(names).toContain('repoUrl');
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), value), (input) => {
        for (const schema of [createTaskInput, createSessionInput]) {
          try {
            // An id is compared with the form of ids before it reaches the database.
            const { taskId, ...stored } = { taskId: '', ...parseInput(schema, input) };
            expect(typeof taskId).toBe('string');
            expect(Object.values(stored).join()).not.toContain('\0');
          } catch (error) {
            if (!(error instanceof DomainError)) throw error;
            expect(error).toMatchObject({ code: 'BAD_USER_INPUT', field: expect.stringMatching(/./) });
          }
        }
      }),
    );
  });

  it('a notification is well-formed or ignored', () => {
    fc.assert(
      fc.property(text, (payload) => {
        for (const { revision, epoch } of parseWakeUps(payload)) {
          expect(Number.isInteger(revision) && Number.isInteger(epoch)).toBe(true);
        }
      }),
    );
  });

  it('headers and payloads give a credential or none, and never fail', () => {
    fc.assert(
      fc.property(text, text, text, fc.anything(), (host, origin, cookie, payload) => {
        const request = {
          headers: { host, origin, cookie: `groundcrew_login=${cookie}` },
        } as IncomingMessage;
        expect(typeof credentialOf(request)).toMatch(/object|undefined/);
        expect(() => authorizationInPayload(payload)).not.toThrow();
        expect(() => acceptedType(origin)).not.toThrow();
        // Nothing but the names of this machine reaches a server on a loopback address.
        const refused = refusalOfSource(request, { host: '127.0.0.1', corsOrigins: [] }) !== null;
        const local = /^(\[::1\]|127(\.\d+){1,3}|([\w-]+\.)*localhost)(:\d*)?$/i.test(host);
        if (!refused && !local)
          expect(new URL(`http://${host}`).hostname).toMatch(/^127\.|^\[::1\]$|localhost$/);
      }),
    );
  });
});
