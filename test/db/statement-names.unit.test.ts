import { describe, expect, it } from 'vitest';
import { StatementNames } from '../../src/db/statement-names.ts';

describe('StatementNames', () => {
  it('gives one name to a text, and another one to every other text', () => {
    const names = new StatementNames();
    const name = names.of('select 1');
    expect(names.of('select 1')).toBe(name);
    expect(names.of('select 2')).not.toBe(name);
  });

  it('gives names of at most 63 bytes, where PostgreSQL cuts them off', () => {
    expect(new StatementNames().of('select '.repeat(1_000))?.length).toBeLessThanOrEqual(63);
  });

  it('gives no name to further texts once it has given as many as it may', () => {
    const names = new StatementNames(2);
    const [first] = [names.of('a'), names.of('b')];
    expect(names.of('c')).toBeUndefined();
    expect(names.of('a')).toBe(first);
  });
});
