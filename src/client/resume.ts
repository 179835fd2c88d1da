import {
  type DocumentNode,
  type FieldNode,
  type FormattedExecutionResult,
  Kind,
  type OperationDefinitionNode,
  type OperationTypeNode,
  parse,
  print,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { isInternal } from './errors.ts';

type Variables = Record<string, unknown>;

export interface SubscriptionRequest {
  readonly query: string;
  readonly variables?: Variables | null | undefined;
  readonly operationName?: string;
}

/** What a `next` message brings. */
export type SubscriptionResult = FormattedExecutionResult<Record<string, unknown>, unknown>;

/**
 * What is to be done with a message. `new`: pass it on. `seen`: drop it, it was passed on before. `lost`: the server failed
 * to say it; begin again, because the next one would hide that it is missing.
 */
export type Disposition = 'new' | 'seen' | 'lost';

/** A subscription that goes on where it was after its socket was lost. */
export interface Resumable {
  /** What to send, each time that the subscription begins: its variables say what was seen last. */
  readonly payload: SubscribePayload;
  /** False: beginning again brings only what comes from then on. */
  readonly resumes: boolean;
  /** Notes what was seen. */
  filter(result: SubscriptionResult): Disposition;
}

/** Names that no document of somebody's own has. */
const variableName = 'groundcrewAfterRevision';
const revisionAlias = 'groundcrewRevision';

/**
 * Makes subscriptions to `taskUpdated` resume by themselves. The document may select what it likes, and may or may not
 * say `afterRevision`: what it lacks is added on the way, and taken out of what comes back.
 */
export function resumable(request: SubscriptionRequest): Resumable {
  const document = parse(request.query);
  const operation = subscriptionOf(document, request.operationName);
  const field = operation && taskUpdatedOf(operation);
  if (!operation || !field) {
    return {
      payload: { ...request, variables: request.variables ?? {} },
      resumes: false,
      filter: ({ errors }) => (errors?.some(isInternal) ? 'lost' : 'new'),
    };
  }

  const responseKey = field.alias?.value ?? field.name.value;
  let seen = givenRevision(field, request.variables ?? {});
  const payload = {
    ...request,
    query: print(withResumption(document, operation, field)),
    // Read anew each time that the message is sent.
    get variables(): Variables {
      return { ...request.variables, [variableName]: seen };
    },
  };
  return {
    payload,
    resumes: true,
    filter(result) {
      if (result.errors?.some(isInternal)) return 'lost';
      const task = result.data?.[responseKey] as Record<string, unknown> | null | undefined;
      const revision = task?.[revisionAlias];
      if (typeof revision !== 'number') return 'new';
      delete task?.[revisionAlias];
      if (seen !== null && revision <= seen) return 'seen';
      seen = revision;
      return 'new';
    },
  };
}

function subscriptionOf(
  document: DocumentNode,
  name: string | undefined,
): OperationDefinitionNode | undefined {
  const operations = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
  const operation = name === undefined ? operations[0] : operations.find((each) => each.name?.value === name);
  return operation?.operation === ('subscription' as OperationTypeNode) ? operation : undefined;
}

function taskUpdatedOf(operation: OperationDefinitionNode): FieldNode | undefined {
  const [selection] = operation.selectionSet.selections;
  return selection?.kind === Kind.FIELD && selection.name.value === 'taskUpdated' ? selection : undefined;
}

function givenRevision(field: FieldNode, variables: Variables): number | null {
  const value = field.arguments?.find((argument) => argument.name.value === 'afterRevision')?.value;
  if (value?.kind === Kind.INT) return Number(value.value);
  if (value?.kind !== Kind.VARIABLE) return null;
  const given = variables[value.name.value];
  return typeof given === 'number' ? given : null;
}

/** The same document with `afterRevision` as a variable of ours, and the revision under a name of ours. */
function withResumption(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  field: FieldNode,
): DocumentNode {
  const name = (value: string) => ({ kind: Kind.NAME, value }) as const;
  const variable = { kind: Kind.VARIABLE, name: name(variableName) } as const;
  const resumedField = {
    ...field,
    arguments: [
      ...(field.arguments ?? []).filter((argument) => argument.name.value !== 'afterRevision'),
      { kind: Kind.ARGUMENT, name: name('afterRevision'), value: variable } as const,
    ],
    selectionSet: {
      kind: Kind.SELECTION_SET,
      selections: [
        ...(field.selectionSet?.selections ?? []),
        { kind: Kind.FIELD, alias: name(revisionAlias), name: name('revision') } as const,
      ],
    } as const,
  };
  const replaced = field.arguments?.find((argument) => argument.name.value === 'afterRevision')?.value;
  const unused = replaced?.kind === Kind.VARIABLE ? replaced.name.value : undefined;
  const resumedOperation = {
    ...operation,
    variableDefinitions: [
      // A variable that nothing uses any more would not validate; one that something else uses too has to stay.
      ...(operation.variableDefinitions ?? []).filter(
        (each) => each.variable.name.value !== unused || usesVariable(document, unused, replaced),
      ),
      {
        kind: Kind.VARIABLE_DEFINITION,
        variable,
        type: { kind: Kind.NAMED_TYPE, name: name('Int') },
      } as const,
    ],
    selectionSet: { ...operation.selectionSet, selections: [resumedField] },
  };
  return {
    ...document,
    definitions: document.definitions.map((each) => (each === operation ? resumedOperation : each)),
  };
}

/** Whether the variable stands anywhere but there, and but in its own definition. */
function usesVariable(document: DocumentNode, variable: string, except: unknown): boolean {
  let used = false;
  JSON.stringify(document, (key, node) => {
    if (node === except || key === 'variableDefinitions' || key === 'loc') return undefined;
    if (node?.kind === Kind.VARIABLE && node.name.value === variable) used = true;
    return node;
  });
  return used;
}
