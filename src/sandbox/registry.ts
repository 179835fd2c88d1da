import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../config.ts';
import type { SandboxProvider } from './provider.ts';

/** The sandbox providers of this installation. */
export interface Providers {
  /** In the order of GROUNDCREW_PROVIDERS. */
  readonly names: readonly string[];
  /** The first: for tasks that name none. */
  readonly default: SandboxProvider;
  /** Undefined when this installation has none of that name. */
  get(name: string): SandboxProvider | undefined;
}

/**
 * Loads what GROUNDCREW_PROVIDERS names: a built-in provider, or a module of others, as a path from the working folder
 * or a package. Throws ConfigError, with one line, at the first that is none.
 */
export async function loadProviders(
  specifiers: readonly string[],
  builtIn: Readonly<Record<string, () => SandboxProvider>>,
): Promise<Providers> {
  const providers = new Map<string, SandboxProvider>();
  for (const specifier of specifiers) {
    const make = Object.hasOwn(builtIn, specifier) ? builtIn[specifier] : undefined;
    const provider = make ? make() : await loadModule(specifier);
    if (providers.has(provider.name))
      throw wrong(specifier, `another provider has the name "${provider.name}"`);
    providers.set(provider.name, provider);
  }
  const [first] = providers.values();
  if (first === undefined) throw new ConfigError('GROUNDCREW_PROVIDERS: names no provider');
  return { names: [...providers.keys()], default: first, get: (name) => providers.get(name) };
}

async function loadModule(specifier: string): Promise<SandboxProvider> {
  let exported: unknown;
  try {
    const module: { default?: unknown } = await import(addressOf(specifier));
    exported = typeof module.default === 'function' ? await module.default() : module.default;
  } catch (error) {
    throw wrong(specifier, error instanceof Error ? error.message : String(error), error);
  }
  const missing = missingIn(exported);
  if (missing !== undefined) throw wrong(specifier, `its default export ${missing}`);
  return exported as SandboxProvider;
}

/** A file is meant where there is one, or where it can be nothing else. */
function addressOf(specifier: string): string {
  if (specifier.startsWith('file:')) return specifier;
  const path = resolve(specifier);
  if (/^(\.{1,2})?\//.test(specifier) || existsSync(path)) return pathToFileURL(path).href;
  try {
    return pathToFileURL(createRequire(join(process.cwd(), 'package.json')).resolve(specifier)).href;
  } catch (error) {
    // A package for `import` only: found from here, where the same packages usually are.
    if ((error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return specifier;
    throw new Error('is neither built in, nor a file, nor a package that is installed', { cause: error });
  }
}

const methods = ['createSandbox', 'ensureAgent', 'createSession', 'destroySandbox', 'listSandboxes'] as const;

function missingIn(exported: unknown): string | undefined {
  if (typeof exported !== 'object' || exported === null) return 'is no sandbox provider';
  const provider = exported as Partial<Record<keyof SandboxProvider, unknown>>;
  if (typeof provider.name !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(provider.name)) {
    return 'has no valid name';
  }
  const method = methods.find((name) => typeof provider[name] !== 'function');
  return method && `has no method ${method}`;
}

function wrong(specifier: string, why: string, cause?: unknown): ConfigError {
  const line = `GROUNDCREW_PROVIDERS: ${specifier}: ${why}`.replaceAll(/\s+/g, ' ').slice(0, 500);
  return new ConfigError(line, { cause });
}
