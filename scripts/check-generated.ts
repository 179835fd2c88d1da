import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// Fails when a generated file is stale: generates all of them again, and compares.

const generated = [
  'schema.graphql',
  'docs/errors.md',
  'docs/schema-changes.md',
  'docs/reference.md',
  ...readdirSync('src/client/generated').map((file) => join('src/client/generated', file)),
];
const read = () => new Map(generated.map((file) => [file, readFileSync(file, 'utf8')]));

const before = read();
execFileSync('npm', ['run', '--silent', 'generate'], { stdio: ['ignore', 'ignore', 'inherit'] });
const after = read();

const stale = generated.filter((file) => before.get(file) !== after.get(file));
if (stale.length > 0) {
  process.stderr.write(`stale, and generated anew: ${stale.join(', ')}\n`);
  process.exitCode = 1;
}
