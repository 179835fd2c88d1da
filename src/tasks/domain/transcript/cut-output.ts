/** Bytes of UTF-8 that are kept of a tool call's output. */
export const maxOutputBytes = 64 * 1024;

/** The output as it is stored, and how many bytes of UTF-8 it had: past the limit its beginning and its end. */
export function cutOutput(output: string): { readonly text: string; readonly bytes: number } {
  const all = Buffer.from(output);
  const bytes = all.length;
  if (bytes <= maxOutputBytes) return { text: output, bytes };
  const half = maxOutputBytes / 2;
  let end = half;
  while (isContinuation(all[end])) end -= 1;
  let start = bytes - half;
  while (isContinuation(all[start])) start += 1;
  const line = `\n… ${start - end} bytes are left out …\n`;
  return { text: `${all.toString('utf8', 0, end)}${line}${all.toString('utf8', start)}`, bytes };
}

/** Whether a byte is in the middle of a character. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0b1100_0000) === 0b1000_0000;
}
