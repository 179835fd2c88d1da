import { writeFileSync } from 'node:fs';
import type { Change } from '@graphql-inspector/core';
import { changesSinceRelease } from './schema-changes.ts';

// `npm run generate` writes docs/schema-changes.md; `npm run check` fails when it is stale. A release moves its list into
// CHANGELOG.md.

const { due, refused, dangerous, added } = await changesSinceRelease(new Date());

function section(title: string, changes: readonly Change[]): string {
  if (changes.length === 0) return '';
  const lines = changes.map(({ message }) => `- ${message.replaceAll("'", '`')}.`);
  return `\n## ${title}\n\n${lines.join('\n')}\n`;
}

writeFileSync(
  'docs/schema-changes.md',
  `# Changes of the schema since the last release

<!-- Written by npm run generate. -->

What is new is listed once, without its parts: [the reference](reference.md) has them.
${section('Removed or changed so that clients break', [...due, ...refused])}${section('Changed so that some clients may notice', dangerous)}${section('Added', added)}`,
);
