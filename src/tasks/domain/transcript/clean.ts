/** Deeper values of JSON are left out: neither this code nor PostgreSQL reads them without limit. */
const maxDepth = 64;

/** The text with U+FFFD for what PostgreSQL cannot store: U+0000 and half surrogates. Its length stays as it is. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

/** The same for all strings of a JSON value, its keys included. */
export function cleanJson(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '…';
  if (Array.isArray(value)) return value.map((each) => cleanJson(each, depth + 1));
  const entries = Object.entries(value).map(([key, each]) => [cleanText(key), cleanJson(each, depth + 1)]);
  return Object.fromEntries(entries);
}
