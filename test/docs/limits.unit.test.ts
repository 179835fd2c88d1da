import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { maxComplexity } from '../../src/schema/builder.ts';
import { operationLimits } from '../../src/server/graphql/limits.ts';
import { defaultTuning as tuning } from '../../src/server/tuning.ts';

const page = readFileSync('docs/limits.md', 'utf8');
const count = (value: number) => value.toLocaleString('en-US');

it.each([
  ['complexity', count(maxComplexity)],
  ['depth', `${operationLimits.depth} levels`],
  ['aliases', count(operationLimits.aliases)],
  ['mutations', `${operationLimits.mutationFields} in one operation`],
  ['fields of the document, those of a fragment wherever it is spread', count(operationLimits.fields)],
  [
    'pairs of fields at the same place of the response (100 times `id` in one place are 4,950)',
    count(operationLimits.samePlacePairs),
  ],
  ['words and signs of the document', count(operationLimits.tokens)],
  ['time, and the time to open a subscription', `${tuning.operationTimeout / 1_000} seconds`],
  ['headers of a request, from the connection on', `${tuning.headersTimeout / 1_000} seconds`],
  ['whole request', `${tuning.requestTimeout / 1_000} seconds`],
  ['body of a request', `${tuning.maxBody / 1_024} KiB (${count(tuning.maxBody)} bytes), uncompressed`],
  ['message', `${tuning.maxMessage / 1_024} KiB (${count(tuning.maxMessage)} bytes)`],
  ['running operations of a socket', count(tuning.maxOperationsPerSocket)],
  ['time until `connection_init`', `${tuning.connectionInitTimeout / 1_000} seconds`],
  [
    'data that a client has not read',
    `${tuning.maxBuffered / 1_048_576} MiB, or ${tuning.stallTimeout / 1_000} seconds over ${tuning.highWater / 1_024} KiB`,
  ],
])('docs/limits.md says the limit of %s', (what, value) => {
  expect(page).toContain(`| ${what} | ${value} |`);
});

it('docs/limits.md says the points of a minute', () => {
  expect(page).toContain(`${count(loadConfig({}).rateLimit)} unless the operator has set`);
});
