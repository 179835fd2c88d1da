/**
 * The content of a `packed-refs` file. Names are bytes; see git/ref-name.ts.
 *
 * `git clone` writes the same. With a file for each ref (`git fetch`, `git update-ref`) 20,000 refs take seconds and tens
 * of thousands of files, and names that are longer than the file system allows fail.
 */
export function packedRefs(refs: Iterable<readonly [name: string, oid: string]>): string {
  const lines = [...refs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, oid]) => `${oid} ${name}\n`);
  return `# pack-refs with: sorted \n${lines.join('')}`;
}
