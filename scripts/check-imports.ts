import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative } from 'node:path';
import { type Part, parts } from './imports.ts';

// Fails when a file of `src` imports what the allow list in imports.ts does not name, when the list names what nothing
// imports or has parts that import each other in a circle, and when ARCHITECTURE.md shows another list. `--write` puts the
// list into ARCHITECTURE.md. Circles of files are found by Biome's rule noImportCycles.

const entry = 'main.ts';
const basics = parts[0] as Part;

function partOf(file: string): Part | undefined {
  if (!file.includes('/')) return file === entry ? undefined : basics;
  return parts.find(({ folder }) => file.startsWith(`${folder}/`));
}

/** Static and dynamic imports, and re-exports. */
function importsOf(text: string): string[] {
  const pattern = /^(?:import|export)\s(?:[^'"=;()]*?\bfrom\s*)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;
  return [...text.matchAll(pattern)].map((match) => (match[1] ?? match[2]) as string);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The parts from one back to itself; undefined when the part imports nothing that leads back. */
function circleFrom(folder: string, way: readonly string[] = [folder]): readonly string[] | undefined {
  for (const next of parts.find((part) => part.folder === way.at(-1))?.parts ?? []) {
    if (next === folder) return [...way, next];
    const circle = way.includes(next) ? undefined : circleFrom(folder, [...way, next]);
    if (circle) return circle;
  }
  return undefined;
}

const problems: string[] = parts.flatMap(({ folder }) => {
  const circle = circleFrom(folder);
  return circle ? `scripts/imports.ts has a circle: ${circle.join(' → ')}` : [];
});
const used = new Map<Part, Set<string>>(parts.map((part) => [part, new Set()]));

for (const file of readdirSync('src', { recursive: true, encoding: 'utf8' }).sort()) {
  if (!/\.tsx?$/.test(file) || file === entry) continue;
  const part = partOf(file);
  if (!part) {
    problems.push(`src/${file} belongs to no part of scripts/imports.ts`);
    continue;
  }
  for (const specifier of importsOf(readFileSync(join('src', file), 'utf8'))) {
    if (isBuiltin(specifier)) {
      if (part.browser) problems.push(`src/${file} imports ${specifier}, and must run in browsers`);
    } else if (specifier.startsWith('.')) {
      const target = partOf(relative('src', join('src', file, '..', specifier)));
      if (!target || target === part) continue;
      used.get(part)?.add(target.folder);
      if (!part.parts.includes(target.folder)) {
        problems.push(`src/${file} imports ${specifier}: ${part.folder} may not import ${target.folder}`);
      }
    } else {
      const name = packageOf(specifier);
      used.get(part)?.add(name);
      if (!part.packages.includes(name)) {
        problems.push(`src/${file} imports ${name}: ${part.folder} may not`);
      }
    }
  }
}
for (const [part, names] of used) {
  for (const name of [...part.parts, ...part.packages].filter((each) => !names.has(each))) {
    problems.push(`${part.folder} may import ${name}, but does not: take it out of scripts/imports.ts`);
  }
}

const [begin, end] = ['<!-- parts: made by npm run generate -->', '<!-- /parts -->'];
const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ') || '–';
const table = [
  '| part of `src` | what it is | may import | and these packages |',
  '| --- | --- | --- | --- |',
  ...parts.map(
    (part) => `| \`${part.folder}\` | ${part.purpose} | ${code(part.parts)} | ${code(part.packages)} |`,
  ),
].join('\n');
const architecture = readFileSync('ARCHITECTURE.md', 'utf8');
const [before, rest = ''] = architecture.split(begin, 2);
const wanted = `${before}${begin}\n${table}\n${end}${rest.split(end, 2)[1] ?? ''}`;
if (wanted !== architecture) {
  if (process.argv.includes('--write')) writeFileSync('ARCHITECTURE.md', wanted);
  else problems.push('ARCHITECTURE.md shows another table than scripts/imports.ts: npm run generate');
}

if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n`);
  process.exitCode = 1;
}
