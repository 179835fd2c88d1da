import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../config.ts';
import type { SandboxProvider } from './provider.ts';

/** The sandbox providers of this installation. */
export interface Providers {
  /** In the order of GROUNDCREW_PROVIDERS. The first is the default. */
  readonly names: readonly string[];
  /** Undefined when this installation has no provider of that name. */
  get(name: string): SandboxProvider | undefined;
}

/**
 * Loads the providers that GROUNDCREW_PROVIDERS names: built-in ones, and modules of others, as a path from the working
 * folder or a package. Throws ConfigError, with a message of one line, at the first one that is not valid.
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
      throw configError(specifier, `another provider has the name "${provider.name}"`);
    providers.set(provider.name, provider);
  }
  return { names: [...providers.keys()], get: (name) => providers.get(name) };
}

async function loadModule(specifier: string): Promise<SandboxProvider> {
  let exported: unknown;
  try {
    const module: { default?: unknown } = await import(toModuleUrl(specifier));
    exported = typeof module.default === 'function' ? await module.default() : module.default;
  } catch (error) {
    throw configError(specifier, error instanceof Error ? error.message : String(error), error);
  }
  const fault = faultOf(exported);
  if (fault !== undefined) throw configError(specifier, `its default export ${fault}`);
  return exported as SandboxProvider;
}

/** A specifier is a file when it begins like a path or when the file exists, otherwise a package. */
function toModuleUrl(specifier: string): string {
  if (specifier.startsWith('file:')) return specifier;
  const path = resolve(specifier);
  if (/^(\.{1,2})?\//.test(specifier) || existsSync(path)) return pathToFileURL(path).href;
  try {
    return pathToFileURL(createRequire(join(process.cwd(), 'package.json')).resolve(specifier)).href;
  } catch (error) {
    // The package has exports for `import` only: resolve it from this module, which usually sees the same packages.
    if ((error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return specifier;
    throw new Error('is neither a built-in provider, nor a file, nor an installed package', {
      cause: error,
    });
  }
}

const methods = ['createSandbox', 'ensureAgent', 'createSession', 'destroySandbox', 'listSandboxes'] as const;

/** Why the export is no provider; undefined when it is one. */
function faultOf(exported: unknown): string | undefined {
  if (typeof exported !== 'object' || exported === null) return 'is no sandbox provider';
  const provider = exported as Partial<Record<keyof SandboxProvider, unknown>>;
  if (typeof provider.name !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(provider.name)) {
    return 'has no valid name';
  }
  if (provider.location !== undefined && typeof provider.location !== 'function') {
    return 'has a location that is no method';
  }
  const method = methods.find((name) => typeof provider[name] !== 'function');
  return method && `has no method ${method}`;
}

function configError(specifier: string, why: string, cause?: unknown): ConfigError {
  const line = `GROUNDCREW_PROVIDERS cannot be used: ${specifier}: ${why}`.replaceAll(/\s+/g, ' ');
  return new ConfigError(`${line.slice(0, 500).replace(/\.$/, '')}.`, { cause });
}
