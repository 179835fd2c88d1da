import { writeFileSync } from 'node:fs';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { buildSchema } from './schema.ts';

// `npm run generate` writes the public schema; `npm run check` fails when it is stale.
writeFileSync('schema.graphql', `${printSchema(lexicographicSortSchema(buildSchema()))}\n`);
