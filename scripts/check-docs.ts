import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

// Fails when a Markdown file names a file, a folder or an npm script of this project that does not exist, and when README.md
// shows other code than the example that a test runs. ARCHITECTURE.md also names files from `src` or `src/tasks` on.

const documents = globSync('{*,docs/**/*}.md', { exclude: ['CHANGELOG.md'] });
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** Paths in code spans, from the project's root: `src/main.ts`, `test/tasks`. Placeholders are in upper case. */
const paths = /`((?:src|test|bench|scripts|examples|docs|\.github|\.ci|\.changeset)\/[^`\s]*)`/g;
const links = /\]\((?!https?:|#)([^)#\s]+)/g;
const commands = /\bnpm run ([\w:-]+)/g;

/** In ARCHITECTURE.md: `access/authority.ts`, `store/write-task.ts`. */
const shortPaths = /`([a-z-]+(?:\/[a-z-]+)+\.tsx?)`/g;
const startsOfShortPaths = ['.', 'src', 'src/tasks'];

const problems = documents.flatMap((document) => {
  const text = readFileSync(document, 'utf8');
  const named = (pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1] as string);
  return [
    ...named(paths).filter((path) => !/[A-Z*]{2}/.test(path) && !existsSync(path)),
    ...(document === 'ARCHITECTURE.md' ? named(shortPaths) : []).filter(
      (path) => !startsOfShortPaths.some((start) => existsSync(join(start, path))),
    ),
    ...named(links).filter((link) => !existsSync(normalize(join(dirname(document), link)))),
    ...named(commands).filter((name) => !(name in scripts)),
  ].map((name) => `${document} names ${name}, which does not exist`);
});

const example = 'examples/watch-task.mjs';
const code = readFileSync(example, 'utf8').replace(/^(\/\/.*\n)+\n/, '');
if (!readFileSync('README.md', 'utf8').includes(`\`\`\`js\n${code}\`\`\`\n`)) {
  problems.push(`README.md shows other code than ${example}`);
}

if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n`);
  process.exitCode = 1;
}
