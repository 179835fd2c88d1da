import { type DocumentNode, Kind, type SelectionSetNode } from 'graphql';

/** Fields of one name at one place of the response. */
interface Place {
  fields: number;
  readonly within: Map<string, Place>;
}

/**
 * How much work it is to see whether fields of one name can be merged, which one of the specified rules does: the pairs of
 * fields that end at the same place of the response. A hundred times the same field are 4,950 pairs, wherever they are written;
 * two thousand, which a document may have, are two million. Stops as soon as there are more pairs than `most`, or more fields
 * than `mostFields` with each fragment counted wherever it is spread. The document may be invalid in any way.
 */
export function repeatsTooOften(document: DocumentNode, most: number, mostFields: number): boolean {
  const fragments = new Map<string, SelectionSetNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION)
      fragments.set(definition.name.value, definition.selectionSet);
  }
  let pairs = 0;
  let selections = 0;
  const isOver = () => pairs > most || selections > mostFields;

  const walk = (set: SelectionSetNode, place: Place, open: ReadonlySet<string>): void => {
    for (const selection of set.selections) {
      selections += 1;
      if (isOver()) return;
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        walk(selection.selectionSet, place, open);
      } else if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const name = selection.name.value;
        const fragment = fragments.get(name);
        // One that spreads itself is refused by another rule.
        if (fragment && !open.has(name)) walk(fragment, place, new Set([...open, name]));
      } else {
        const name = selection.alias?.value ?? selection.name.value;
        const inner = place.within.get(name) ?? { fields: 0, within: new Map() };
        place.within.set(name, inner);
        pairs += inner.fields;
        inner.fields += 1;
        if (selection.selectionSet) walk(selection.selectionSet, inner, open);
      }
    }
  };

  // Fragments too that no operation spreads: the rule looks at them as well.
  for (const definition of document.definitions) {
    if (!('selectionSet' in definition) || !definition.selectionSet) continue;
    walk(definition.selectionSet, { fields: 0, within: new Map() }, new Set());
  }
  return isOver();
}
