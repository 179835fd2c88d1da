import type { GraphQLSchema } from 'graphql';
import { builder } from './builder.ts';
// Each of these adds its types or fields to the builder.
import './agent-request.ts';
import './api-token.ts';
import './mutation.ts';
import './project.ts';
import './prompt.ts';
import './provision-step.ts';
import './query.ts';
import './sandbox.ts';
import './session.ts';
import './subscription.ts';
import './task.ts';
import './task-error.ts';
import './task-event.ts';
import './webhook.ts';
import './transcript-item.ts';
import './transcript-update.ts';

/** The schema of the API. `npm run generate` prints it to schema.graphql. */
export function buildSchema(): GraphQLSchema {
  return builder.toSchema();
}
