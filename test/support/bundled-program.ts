import { join, resolve } from 'node:path';
import { bundle } from '../../scripts/bundle.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, 'node_modules/.cache/groundcrew-test');

/**
 * Writes a program into a few files, and returns the path of the one that takes the same arguments as `source`, a path from the
 * project's root: tests start hundreds of processes. The tests of npm's scripts start `src/launch.js`, as users do.
 */
export async function bundleProgram(source: string): Promise<string> {
  const { files } = await bundle(join(root, source), folder);
  return join(folder, files[0]);
}
