import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../../src/tasks/domain/errors.ts';
import { type PageArguments, pageOf, rangeOf } from '../../../src/tasks/domain/pagination.ts';

const keys = ['a1', 'b2', 'c3'];
const cursors = pageOf(keys, rangeOf({}), (key) => key).edges.map(({ cursor }) => cursor);

describe('rangeOf', () => {
  it('takes fifty from the start by default', () => {
    expect(rangeOf({})).toEqual({ after: null, before: null, limit: 50, fromEnd: false });
    expect(rangeOf({ first: null, after: null, last: null, before: null })).toEqual(rangeOf({}));
  });

  it('accepts the cursors that pages gave', () => {
    expect(rangeOf({ first: 1, after: cursors[0], before: cursors[2] })).toEqual({
      after: 'a1',
      before: 'c3',
      limit: 1,
      fromEnd: false,
    });
    expect(rangeOf({ last: 100 })).toMatchObject({ limit: 100, fromEnd: true });
  });

  it.each<[string, PageArguments]>([
    ['first', { first: 0 }],
    ['first', { first: -1 }],
    ['first', { first: 101 }],
    ['first', { first: 2_147_483_647 }],
    ['last', { last: 0 }],
    ['last', { last: 101 }],
    ['last', { first: 1, last: 1 }],
    ['after', { after: '' }],
    ['after', { after: 'nothing of ours!' }],
    ['after', { after: Buffer.from("x' or 1=1").toString('base64url') }],
    ['after', { after: `${cursors[0]}=` }],
    ['after', { after: Buffer.from('x'.repeat(101)).toString('base64url') }],
    ['before', { before: '\0' }],
    ['before', { before: '🌳' }],
  ])('refuses a wrong %s: %j', (field, args) => {
    const error = catchError(() => rangeOf(args));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({ code: 'BAD_USER_INPUT', field });
  });
});

describe('pageOf', () => {
  it('reports a next page when it gets one row more than the limit', () => {
    const page = pageOf(keys, rangeOf({ first: 2 }), (key) => key);
    expect(page.nodes).toEqual(['a1', 'b2']);
    expect(page.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: cursors[0],
      endCursor: cursors[1],
    });
  });

  it('keeps the order of the list when it is read from the end', () => {
    const page = pageOf(keys.toReversed(), rangeOf({ last: 2 }), (key) => key);
    expect(page.nodes).toEqual(['b2', 'c3']);
    expect(page.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
  });

  it('has no cursors when it is empty', () => {
    expect(pageOf([], rangeOf({}), String).pageInfo).toEqual({
      hasNextPage: false,
      hasPreviousPage: false,
      startCursor: null,
      endCursor: null,
    });
  });
});

function catchError(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
