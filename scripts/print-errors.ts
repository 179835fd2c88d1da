import { writeFileSync } from 'node:fs';
import { apiErrorCodes } from '../src/server/graphql/error-codes.ts';
import { closeCodes } from '../src/server/websocket/close-codes.ts';
import { type ErrorDescription, taskErrorCodes } from '../src/tasks/domain/error-codes.ts';
import { noticeCodes } from '../src/tasks/domain/transcript/notice-codes.ts';

// `npm run generate` writes docs/errors.md; `npm run check` fails when it is stale.

type Row = ErrorDescription & { readonly status?: number };

function table(codes: Readonly<Record<string, Row>>): string {
  const rows = Object.entries(codes).map(([code, { when, remedy, status }]) => {
    const name = status === undefined ? `\`${code}\`` : `\`${code}\` (HTTP ${status})`;
    return `| ${name} | ${when} | ${remedy} |`;
  });
  return ['| code | when | what to do |', '| --- | --- | --- |', ...rows].join('\n');
}

const page = `# Errors

<!-- Written by npm run generate. Edit the tables in src instead: error-codes.ts, close-codes.ts and
notice-codes.ts. -->

## Failed tasks, steps and sessions

The codes in the field \`code\` of a TaskError. \`message\` says what happened in this case, and \`retryable\` whether Groundcrew
attempts the step again by itself. "Retry the task" means \`retryTask\`. A sandbox provider may add codes of its own.

${table(taskErrorCodes)}

## GraphQL errors

The codes in \`extensions.code\`, over HTTP and WebSocket.

${table(apiErrorCodes)}

## Closed WebSockets

The codes with which the server closes a WebSocket.

${table(closeCodes)}

## Notices in transcripts

The codes in the field \`code\` of a Notice, which is an item of a transcript and no error. More may come.

${table(noticeCodes)}
`;

writeFileSync('docs/errors.md', page);
