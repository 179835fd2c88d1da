/**
 * Git names refs by bytes, which are UTF-8 by convention only. Groundcrew keeps the names that a remote lists with one
 * character for each byte, so that names in another encoding stay as they are, and so that strings sort as git sorts.
 */
export function bytesOfName(name: string): string {
  return Buffer.from(name).toString('latin1');
}

/** The name as people read it. Bytes that are not UTF-8 become `\ufffd`. */
export function nameOfBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}
