import {
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  type OperationTypeNode,
  parse,
  print,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';

type Variables = Record<string, unknown>;

/** A subscription that goes on where it was after its socket was lost. */
export interface Resumable {
  /** What to send, each time that the subscription begins: its variables say what was seen last. */
  readonly payload: SubscribePayload;
  /** Notes what was seen. False: it was seen before, and is to be dropped. */
  accept(result: { readonly data?: Record<string, unknown> | null }): boolean;
}

/** Names that no document of somebody's own has. */
const variableName = 'groundcrewAfterRevision';
const revisionAlias = 'groundcrewRevision';

/**
 * Makes subscriptions to `taskUpdated` resume by themselves. The document may select what it likes, and may or may not
 * say `afterRevision`: what it lacks is added on the way, and taken out of what comes back.
 */
export function resumable(request: {
  query: string;
  variables?: Variables | null | undefined;
  operationName?: string;
}): Resumable {
  const document = parse(request.query);
  const operation = subscriptionOf(document, request.operationName);
  const field = operation && taskUpdatedOf(operation);
  if (!operation || !field) {
    return { payload: { ...request, variables: request.variables ?? {} }, accept: () => true };
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
    accept(result) {
      const task = result.data?.[responseKey] as Record<string, unknown> | null | undefined;
      const revision = task?.[revisionAlias];
      if (typeof revision !== 'number') return true;
      delete task?.[revisionAlias];
      if (seen !== null && revision <= seen) return false;
      seen = revision;
      return true;
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
