import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config.ts';
import type { SandboxProvider } from '../../src/sandbox/provider.ts';
import { loadProviders } from '../../src/sandbox/registry.ts';

const local = { name: 'local' } as SandboxProvider;
const builtIn = { local: () => local };
let folder: string;

const methods =
  'createSandbox(){}, ensureAgent(){}, createSession(){}, destroySandbox(){}, listSandboxes(){ return [] }';
const modules = {
  'object.mjs': `export default { name: 'object', ${methods} }`,
  'function.mjs': `export default async () => ({ name: 'function', ${methods} })`,
  'same.mjs': `export default { name: 'local', ${methods} }`,
  'none.mjs': 'export const provider = {}',
  'nameless.mjs': `export default { name: '', ${methods} }`,
  'half.mjs': `export default { name: 'half', createSandbox(){} }`,
  'placed.mjs': `export default { name: 'placed', location: 'here', ${methods} }`,
  'throws.mjs': 'throw new Error("no\\nkey")',
  'syntax.mjs': 'export default {',
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'groundcrew-modules-'));
  for (const [name, text] of Object.entries(modules)) await writeFile(join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true }));

describe('loadProviders', () => {
  it('loads built-in providers and modules, in the order of their names', async () => {
    const names = [join(folder, 'object.mjs'), 'local', join(folder, 'function.mjs')];
    const providers = await loadProviders(names, builtIn);
    expect(providers.names).toEqual(['object', 'local', 'function']);
    expect(providers.get('local')).toBe(local);
  });

  it('returns no provider for a name that was not loaded', async () => {
    const providers = await loadProviders(['local'], builtIn);
    expect(providers.get('other')).toBeUndefined();
    expect(providers.get('constructor')).toBeUndefined();
  });

  it.each([
    ['missing.mjs', /Cannot find module/],
    ['same.mjs', /another provider has the name "local"/],
    ['none.mjs', /is no sandbox provider/],
    ['nameless.mjs', /no valid name/],
    ['half.mjs', /has no method ensureAgent/],
    ['placed.mjs', /has a location that is no method/],
    ['throws.mjs', /no key/],
    ['syntax.mjs', /./],
  ])('throws a ConfigError of one line for the module %s', async (name, message) => {
    const error = await loadProviders(['local', join(folder, name)], builtIn).catch((reason) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(/^GROUNDCREW_PROVIDERS cannot be used: .*\.$/);
    expect(error.message).toMatch(message);
  });

  it.each(['nothing-of-this-name', 'toString', '__proto__'])(
    'throws a ConfigError for the unknown name %j',
    async (name) => {
      await expect(loadProviders([name], builtIn)).rejects.toThrow(ConfigError);
    },
  );
});
