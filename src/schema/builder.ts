import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import { GraphQLError } from 'graphql';
import type { Context } from '../resolvers/context.ts';
import { ForbiddenError, InvalidInputError } from '../tasks/domain/errors.ts';
import type { Timestamp } from '../tasks/domain/task.ts';
import { parseTimestamp } from '../tasks/domain/timestamp.ts';
import { hasScope, isOwner, onlyTaskOf } from '../tasks/domain/viewer.ts';

export interface SchemaTypes {
  Context: Context;
  AuthScopes: {
    TASKS_READ: boolean;
    TASKS_WRITE: boolean;
    ADMIN: boolean;
    /** For the owner alone. */
    owner: boolean;
    /** For tokens of a whole workspace, not of one task. */
    workspaceToken: boolean;
  };
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Timestamp; Output: Timestamp };
    JSON: { Input: unknown; Output: unknown };
  };
}

/** Limit of the cost of one operation: several times a page of 100 tasks with all fields that a front end shows. */
export const maxComplexity = 60_000;

export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [ScopeAuthPlugin, ComplexityPlugin],
  scopeAuth: {
    authScopes: ({ view: { viewer } }) => {
      const workspaceToken = onlyTaskOf(viewer) === null;
      return {
        TASKS_READ: hasScope(viewer, 'tasks_read'),
        TASKS_WRITE: workspaceToken && hasScope(viewer, 'tasks_write'),
        ADMIN: workspaceToken && hasScope(viewer, 'admin'),
        owner: isOwner(viewer),
        workspaceToken,
      };
    },
    authorizeOnSubscribe: true,
    unauthorizedError: (_parent, _context, info) =>
      new ForbiddenError(`The scopes of the token do not allow ${info.parentType.name}.${info.fieldName}.`),
  },
  defaultFieldNullability: false,
  complexity: {
    defaultComplexity: 1,
    defaultListMultiplier: 5,
    limit: { complexity: maxComplexity },
    complexityError: (_kind, { maxComplexity: max, complexity }) =>
      new GraphQLError(
        `The operation costs ${complexity}, more than the limit of ${max}. Ask for fewer fields or smaller pages.`,
        {
          extensions: { code: 'QUERY_TOO_COMPLEX' },
        },
      ),
  },
});

// A root field needs the scope of its type, and those that it names in addition: a new one cannot be open by oversight.
builder.queryType({ description: 'Reads data.', authScopes: { TASKS_READ: true } });
builder.mutationType({ description: 'Changes data.', authScopes: { TASKS_WRITE: true } });
builder.subscriptionType({
  authScopes: { TASKS_READ: true },
  description:
    'Delivers live updates over WebSocket, with the protocol graphql-transport-ws. Authenticate with the header `Authorization:\nBearer TOKEN` of the upgrade request, or with `authorization` in the payload of `connection_init` (in any case, also within\n`headers`).',
});

builder.scalarType('DateTime', {
  description: 'An instant in ISO 8601, in UTC, with milliseconds: 2026-11-22T08:10:13.123Z',
  serialize: (value) => value,
  parseValue: (value) => {
    const instant = typeof value === 'string' ? parseTimestamp(value) : null;
    if (instant === null) throw new InvalidInputError('An instant must be like 2026-11-22T08:10:13.123Z.');
    return instant;
  },
});

builder.scalarType('JSON', {
  description: 'Any JSON value.',
  serialize: (value) => value,
  parseValue: (value) => value,
});
