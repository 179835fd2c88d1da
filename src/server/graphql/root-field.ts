import {
  type DocumentNode,
  getOperationAST,
  Kind,
  type OperationTypeNode,
  type SelectionSetNode,
} from 'graphql';

/** What an operation is called where operations are counted: the names that clients give are theirs, and without end. */
export interface CountedOperation {
  readonly type: `${OperationTypeNode}`;
  /** The name of its root field in the schema; `several` where it has more than one. */
  readonly field: string;
}

const known = new WeakMap<DocumentNode, Map<string, CountedOperation>>();

/** The document is valid, and names the operation. */
export function countedOperation(document: DocumentNode, operationName?: string | null): CountedOperation {
  let operations = known.get(document);
  if (!operations) {
    operations = new Map();
    known.set(document, operations);
  }
  const key = operationName ?? '';
  let counted = operations.get(key);
  if (!counted) {
    const operation = getOperationAST(document, operationName);
    const fields = new Set(operation ? rootFields(document, operation.selectionSet, new Set()) : []);
    const [first = 'none'] = fields;
    counted = { type: operation?.operation ?? 'query', field: fields.size > 1 ? 'several' : first };
    // Names that the document does not have are refused before anything is counted.
    operations.set(key, counted);
  }
  return counted;
}

/** Each fragment once: fragments may spread each other many times. */
function* rootFields(
  document: DocumentNode,
  set: SelectionSetNode,
  fragments: Set<string>,
): Generator<string> {
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) yield selection.name.value;
    else if (selection.kind === Kind.INLINE_FRAGMENT) {
      yield* rootFields(document, selection.selectionSet, fragments);
    } else if (!fragments.has(selection.name.value)) {
      fragments.add(selection.name.value);
      for (const each of document.definitions) {
        if (each.kind !== Kind.FRAGMENT_DEFINITION || each.name.value !== selection.name.value) continue;
        yield* rootFields(document, each.selectionSet, fragments);
      }
    }
  }
}
