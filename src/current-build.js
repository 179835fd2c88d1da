// @ts-check
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..');

/** Where `npm run build:server` puts the program: a few files in place of a thousand. */
export const buildFolder = join(root, 'dist/server');
export const manifestName = 'manifest.json';

/**
 * What the build folder has: `entry` does what `src/main.ts` does. `sources` are the files of this project that it was made of,
 * from its root, and `hash` is what `hashOf` gave for them.
 *
 * @typedef {{ readonly entry: string, readonly sources: readonly string[], readonly hash: string }} BuildManifest
 */

/**
 * The URL of the built program. Undefined unless it was built from the sources as they are now: to run the sources themselves
 * takes longer to start and more memory, and nothing else is different.
 */
export function currentBuild() {
  try {
    /** @type {BuildManifest} */
    const { entry, sources, hash } = JSON.parse(readFileSync(join(buildFolder, manifestName), 'utf8'));
    return hashOf(sources) === hash ? pathToFileURL(join(buildFolder, entry)).href : undefined;
  } catch {
    // A source or the whole build is missing, or another version made it.
    return undefined;
  }
}

/**
 * By content: the times of files say nothing after a checkout or a copy.
 *
 * @param {readonly string[]} sources
 */
export function hashOf(sources) {
  const hash = createHash('sha256');
  for (const source of sources) hash.update(readFileSync(join(root, source)));
  return hash.digest('hex');
}
