/** Whether git takes `name` for a branch, by the rules of git-check-ref-format, and no command for an option. */
export function isBranchName(name: string): boolean {
  if (name === '' || Buffer.byteLength(name) > 244 || name === '@' || name === 'HEAD') return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: git refuses control characters
  if (/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\//.test(name)) return false;
  if (name.startsWith('-') || name.startsWith('/') || name.endsWith('/') || name.endsWith('.')) return false;
  return name.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
}
