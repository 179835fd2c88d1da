import { spawnSync } from 'node:child_process';

/** Debian's packages are for its own Python, which another one in PATH may hide. */
const candidates = ['python3', '/usr/bin/python3'];

/** A Python that has this package. Undefined where there is none, which is said on stderr. */
export function findPython(module: string): string | undefined {
  const found = candidates.find((python) => spawnSync(python, ['-c', `import ${module}`]).status === 0);
  if (found === undefined) {
    process.stderr.write(`No python3 has the package ${module}: the example in Python is skipped.\n`);
  }
  return found;
}
