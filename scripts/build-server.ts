import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type BuildManifest, buildFolder, hashOf, manifestName } from '../src/current-build.js';
import { bundle } from './bundle.ts';

// `npm run build:server` makes dist/server, which `npm start` and the other commands run as long as it is of the sources that
// there are. `npm ci` runs it.

const { files, sources } = await bundle(resolve('src/main.ts'), buildFolder);
const manifest: BuildManifest = { entry: files[0], sources, hash: hashOf(sources) };
// Complete at once, for a command that starts at this moment.
const draft = join(buildFolder, `${manifestName}.draft`);
await writeFile(draft, `${JSON.stringify(manifest, null, 2)}\n`);
await rename(draft, join(buildFolder, manifestName));
const kept = new Set([...files, manifestName]);
for (const name of await readdir(buildFolder)) if (!kept.has(name)) await rm(join(buildFolder, name));
