/** Bytes. Git stores a branch as a file, whose name file systems limit to 255 bytes, and adds `.lock` to it. */
const maxBytes = 244;

/** Whether git accepts a branch of this name, every file system can store it, and no command takes it for an option. */
export function isBranchName(name: string): boolean {
  if (name === '' || name === '@' || name === 'HEAD' || name.startsWith('-')) return false;
  return Buffer.byteLength(name) <= maxBytes && name.isWellFormed() && isRefName(name);
}

/** Whether git accepts `name`, of any length, as part of the name of a ref, by the rules of git-check-ref-format(1). */
export function isRefName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: git refuses control characters
  if (/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\//.test(name)) return false;
  if (name.startsWith('/') || name.endsWith('/') || name.endsWith('.')) return false;
  return name.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
}

/** Whether `branches` exclude a branch of this name. Git stores names as paths, so `a` and `a/b` exclude each other. */
export function isBranchTaken(name: string, branches: Iterable<string>): boolean {
  for (const branch of branches) {
    if (branch === name || branch.startsWith(`${name}/`) || name.startsWith(`${branch}/`)) return true;
  }
  return false;
}
