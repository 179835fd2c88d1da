import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** Runs node as the first process of a PID namespace, as a container without an init does. */
function runAsPid1(code: string): string {
  const unshare = ['unshare', '--map-root-user', '--pid', '--mount-proc', '--fork'] as const;
  const [program, ...args] = [...unshare, process.execPath, '--input-type=module', '--eval', code] as const;
  return spawnSync(program, args, { encoding: 'utf8' }).stdout;
}

describe.runIf(runAsPid1('console.log(process.pid)') === '1\n')('isAlive', () => {
  it('returns true for the own process when it is the first one of a container', () => {
    const printed = runAsPid1(`
      import { currentProcess, isAlive } from './src/process-identity.ts';
      console.log(await isAlive(await currentProcess()));`);
    expect(printed).toBe('true\n');
  });
});
