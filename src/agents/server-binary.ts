import { access, chmod, constants } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** The path of the sandbox-agent program for this platform; undefined when npm has not installed one. */
export async function findServerBinary(): Promise<string | undefined> {
  const path = resolveBinary();
  if (path === undefined) return undefined;
  try {
    await access(path, constants.X_OK);
  } catch {
    // The package's install script makes it executable, unless install scripts are switched off.
    await chmod(path, 0o755);
  }
  return path;
}

function resolveBinary(): string | undefined {
  const binary = `@sandbox-agent/cli-${process.platform}-${process.arch}/bin/sandbox-agent`;
  const require = createRequire(import.meta.url);
  try {
    // It is a dependency of our dependency, so it is resolved from there.
    return createRequire(require.resolve('@sandbox-agent/cli/package.json')).resolve(binary);
  } catch {
    return undefined;
  }
}
