import { access, chmod, constants } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** The sandbox-agent server for this platform, executable; undefined when npm has installed none. */
export async function findServerBinary(): Promise<string | undefined> {
  const path = resolveBinary();
  if (path === undefined) return undefined;
  try {
    await access(path, constants.X_OK);
  } catch {
    // npm's install scripts make it so, unless they were switched off.
    await chmod(path, 0o755);
  }
  return path;
}

function resolveBinary(): string | undefined {
  const binary = `@sandbox-agent/cli-${process.platform}-${process.arch}/bin/sandbox-agent`;
  const require = createRequire(import.meta.url);
  try {
    // A dependency of a dependency of ours: npm puts it where we see it too, unless another version is in the way.
    return createRequire(require.resolve('@sandbox-agent/cli/package.json')).resolve(binary);
  } catch {
    return undefined;
  }
}
