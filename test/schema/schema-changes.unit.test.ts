import { buildSchema } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schemaChanges } from '../../scripts/schema-changes.ts';

const today = new Date('2027-05-01');

async function messages(released: string, current: string) {
  const changes = await schemaChanges(buildSchema(released), buildSchema(current), today);
  const of = (list: readonly { readonly message: string }[]) => list.map(({ message }) => message);
  const { due, refused, dangerous, added } = changes;
  return { due: of(due), refused: of(refused), dangerous: of(dangerous), added: of(added) };
}

const nothing = { due: [], refused: [], dangerous: [], added: [] };
const since = (reason: string) => `type Query { a(x: Int): Int b: Int @deprecated(reason: "${reason}") }`;
const without = 'type Query { a(x: Int): Int }';

describe('a change of the schema', () => {
  it.each([
    ['a field that goes', 'type Query { a: Int b: Int }', 'type Query { a: Int }', "Field 'b'"],
    ['a field that changes its type', 'type Query { a: Int }', 'type Query { a: String }', "'Query.a'"],
    ['a field that may be null', 'type Query { a: Int! }', 'type Query { a: Int }', "'Query.a'"],
    ['an argument that is needed', 'type Query { a: Int }', 'type Query { a(x: Int!): Int }', "'x: Int!'"],
    ['a type that goes', 'type Query { a: Int } type T { a: Int }', 'type Query { a: Int }', "Type 'T'"],
    ['a value that goes', 'type Query { a: E } enum E { A B }', 'type Query { a: E } enum E { A }', "'B'"],
  ])('is refused and named when it is %s', async (_what, released, current, name) => {
    const { refused } = await messages(released, current);
    expect(refused).toHaveLength(1);
    expect(refused[0]).toContain(name);
  });

  it('that breaks is allowed three months after a release that announced it', async () => {
    const { due, refused } = await messages(since('Use a instead. Deprecated on 2027-02-01.'), without);
    expect([due.length, refused]).toEqual([1, []]);
  });

  it.each(['Use a instead. Deprecated on 2027-02-02.', 'Use a instead.', 'Goes away in 2026.'])(
    'that breaks is refused when it was announced as %j',
    async (reason) => {
      expect((await messages(since(reason), without)).refused).toHaveLength(1);
    },
  );

  it('that some clients may notice is named, and what is added is listed once', async () => {
    const before = 'type Query { a: E } enum E { A }';
    const after = 'type Query { a: E n: N } enum E { A B } type N { x: Int y: Int }';
    const { dangerous, added, refused } = await messages(before, after);
    expect(refused).toEqual([]);
    expect(dangerous).toEqual(["Enum value 'B' was added to enum 'E'"]);
    expect(added.sort()).toEqual(["Field 'n' was added to object type 'Query'", "Type 'N' was added"]);
    expect(await messages(before, before)).toEqual(nothing);
  });
});
