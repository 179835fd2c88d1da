/** What a response may be. */
const jsonTypes = ['application/json', 'application/graphql-response+json'] as const;
/** For clients that accept no JSON: what may come in parts comes in one here. */
const otherTypes = ['text/event-stream', 'multipart/mixed'] as const;

/**
 * The type of JSON that the client likes best (RFC 9110, section 12.5.1), and of those that it likes alike, the one that it
 * names first; another type if it accepts no JSON. Null when it accepts nothing that a response can be. Parameters other
 * than `q`, and a charset that is not UTF-8, mean nothing.
 */
export function acceptedType(accept = ''): string | null {
  if (accept.trim() === '') return jsonTypes[0];
  const ranges = accept.split(',').flatMap((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const parameter = (name: string) => parameters.find((each) => each.startsWith(`${name}=`))?.split('=')[1];
    if (type === '' || !/^"?utf-?8"?$/.test(parameter('charset') ?? 'utf-8')) return [];
    return [{ type, quality: Number(parameter('q') ?? 1) }];
  });
  const refused = ranges.filter(({ quality }) => !(quality > 0)).map(({ type }) => type);
  const preferred = ranges.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality);
  for (const types of [jsonTypes, otherTypes]) {
    for (const { type } of preferred) {
      const match = types.find((each) => isInRange(each, type) && !refused.includes(each));
      if (match !== undefined) return match;
    }
  }
  return null;
}

function isInRange(type: string, range: string): boolean {
  return range === type || range === '*/*' || (range.endsWith('/*') && type.startsWith(range.slice(0, -1)));
}
