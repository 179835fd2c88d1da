import {
  type DocumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  type OperationTypeNode,
  parse,
  print,
} from 'graphql';

export type Variables = Record<string, unknown>;

export interface SubscriptionRequest {
  readonly query: string;
  readonly variables?: Variables | null | undefined;
  readonly operationName?: string;
}

/** The variable for `afterRevision` and the alias of `revision` in a resumable document; no other document uses them. */
export const afterRevisionVariable = 'groundcrewAfterRevision';
export const revisionAlias = 'groundcrewRevision';

export interface ResumableDocument {
  /** The document, with `afterRevisionVariable` as its `afterRevision`, and the revision selected as `revisionAlias`. */
  readonly query: string;
  /** The key of the task in `data`. */
  readonly responseKey: string;
  /** The `afterRevision` that the request gives; null when it gives none. */
  readonly afterRevision: number | null;
}

/** Rewrites a subscription to `taskUpdated`, whatever it selects. Undefined for every other operation. */
export function toResumableDocument(request: SubscriptionRequest): ResumableDocument | undefined {
  const document = parse(request.query);
  const operation = findSubscription(document, request.operationName);
  const field = operation && findTaskUpdated(operation);
  if (!operation || !field) return undefined;
  return {
    query: print(rewrite(document, operation, field)),
    responseKey: field.alias?.value ?? field.name.value,
    afterRevision: givenRevision(field, request.variables ?? {}),
  };
}

function findSubscription(
  document: DocumentNode,
  name: string | undefined,
): OperationDefinitionNode | undefined {
  const operations = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
  const operation = name === undefined ? operations[0] : operations.find((each) => each.name?.value === name);
  return operation?.operation === ('subscription' as OperationTypeNode) ? operation : undefined;
}

function findTaskUpdated(operation: OperationDefinitionNode): FieldNode | undefined {
  const [selection] = operation.selectionSet.selections;
  return selection?.kind === Kind.FIELD && selection.name.value === 'taskUpdated' ? selection : undefined;
}

function afterRevisionOf(field: FieldNode) {
  return field.arguments?.find((argument) => argument.name.value === 'afterRevision')?.value;
}

function givenRevision(field: FieldNode, variables: Variables): number | null {
  const value = afterRevisionOf(field);
  if (value?.kind === Kind.INT) return Number(value.value);
  if (value?.kind !== Kind.VARIABLE) return null;
  const given = variables[value.name.value];
  return typeof given === 'number' ? given : null;
}

function rewrite(document: DocumentNode, operation: OperationDefinitionNode, field: FieldNode): DocumentNode {
  const name = (value: string) => ({ kind: Kind.NAME, value }) as const;
  const variable = { kind: Kind.VARIABLE, name: name(afterRevisionVariable) } as const;
  const resumableField = {
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
  const replaced = afterRevisionOf(field);
  const unused =
    replaced?.kind === Kind.VARIABLE && !isUsed(document, replaced.name.value, replaced)
      ? replaced.name.value
      : undefined;
  const resumableOperation = {
    ...operation,
    variableDefinitions: [
      // A variable that nothing uses any more is invalid.
      ...(operation.variableDefinitions ?? []).filter((each) => each.variable.name.value !== unused),
      {
        kind: Kind.VARIABLE_DEFINITION,
        variable,
        type: { kind: Kind.NAMED_TYPE, name: name('Int') },
      } as const,
    ],
    selectionSet: { ...operation.selectionSet, selections: [resumableField] },
  };
  return {
    ...document,
    definitions: document.definitions.map((each) => (each === operation ? resumableOperation : each)),
  };
}

/** Whether the document uses the variable anywhere except in the node `except` and in the variable's definition. */
function isUsed(document: DocumentNode, variable: string, except: unknown): boolean {
  let used = false;
  JSON.stringify(document, (key, node) => {
    if (node === except || key === 'variableDefinitions' || key === 'loc') return undefined;
    if (node?.kind === Kind.VARIABLE && node.name.value === variable) used = true;
    return node;
  });
  return used;
}
