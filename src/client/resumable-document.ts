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

/** The subscriptions that can resume: the argument that says after what, and the field of a message that says where it is. */
const resumableFields: Readonly<Record<string, { readonly argument: string; readonly position: string }>> = {
  taskUpdated: { argument: 'afterRevision', position: 'revision' },
  transcriptUpdated: { argument: 'afterSequence', position: 'sequence' },
};

/** The variable for the argument and the alias of the position in a resumable document; no other document uses them. */
export const afterVariable = 'groundcrewAfter';
export const positionAlias = 'groundcrewPosition';

export interface ResumableDocument {
  /** The document, with `afterVariable` as the argument, and the position selected as `positionAlias`. */
  readonly query: string;
  /** The key of the message in `data`. */
  readonly responseKey: string;
  /** The revision or sequence after which the request starts; null when it gives none. */
  readonly after: number | null;
}

/** Rewrites a subscription to `taskUpdated` or `transcriptUpdated`, whatever it selects. Undefined for every other operation. */
export function toResumableDocument(request: SubscriptionRequest): ResumableDocument | undefined {
  const document = parse(request.query);
  const operation = findSubscription(document, request.operationName);
  const field = operation && findResumableField(operation);
  if (!operation || !field) return undefined;
  return {
    query: print(rewrite(document, operation, field)),
    responseKey: field.alias?.value ?? field.name.value,
    after: givenPosition(field, request.variables ?? {}),
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

function findResumableField(operation: OperationDefinitionNode): FieldNode | undefined {
  const [selection] = operation.selectionSet.selections;
  return selection?.kind === Kind.FIELD && selection.name.value in resumableFields ? selection : undefined;
}

function wordsOf(field: FieldNode): { readonly argument: string; readonly position: string } {
  return resumableFields[field.name.value] as { argument: string; position: string };
}

function afterOf(field: FieldNode) {
  const { argument } = wordsOf(field);
  return field.arguments?.find(({ name }) => name.value === argument)?.value;
}

function givenPosition(field: FieldNode, variables: Variables): number | null {
  const value = afterOf(field);
  if (value?.kind === Kind.INT) return Number(value.value);
  if (value?.kind !== Kind.VARIABLE) return null;
  const given = variables[value.name.value];
  return typeof given === 'number' ? given : null;
}

function rewrite(document: DocumentNode, operation: OperationDefinitionNode, field: FieldNode): DocumentNode {
  const name = (value: string) => ({ kind: Kind.NAME, value }) as const;
  const variable = { kind: Kind.VARIABLE, name: name(afterVariable) } as const;
  const words = wordsOf(field);
  const resumableField = {
    ...field,
    arguments: [
      ...(field.arguments ?? []).filter((argument) => argument.name.value !== words.argument),
      { kind: Kind.ARGUMENT, name: name(words.argument), value: variable } as const,
    ],
    selectionSet: {
      kind: Kind.SELECTION_SET,
      selections: [
        ...(field.selectionSet?.selections ?? []),
        { kind: Kind.FIELD, alias: name(positionAlias), name: name(words.position) } as const,
      ],
    } as const,
  };
  const replaced = afterOf(field);
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
