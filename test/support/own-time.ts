import { readFileSync } from 'node:fs';

/**
 * A clock that stands still while a process that is measured could run and the system gave it no processor. So a promise is
 * measured as the product keeps it, whatever else the machine does. Linux counts those times; elsewhere it is a usual clock.
 */
export class OwnTime {
  readonly #pids: () => readonly number[];
  /** What each process has waited, which stays known after its end. */
  readonly #waits = new Map<number, { readonly start: string; readonly ms: number }>();

  /** Measures this process and those that `pids` names. */
  constructor(pids: () => readonly number[] = () => []) {
    this.#pids = pids;
  }

  /** Milliseconds since some moment. */
  now(): number {
    for (const pid of [process.pid, ...this.#pids()]) {
      const start = startOf(pid);
      const known = this.#waits.get(pid);
      // A later process may have the pid of one that has ended.
      if (start === undefined || (known && known.start !== start)) continue;
      const ms = waitedForProcessor(pid);
      if (ms !== undefined) this.#waits.set(pid, { start, ms });
    }
    let waited = 0;
    for (const { ms } of this.#waits.values()) waited += ms;
    return performance.now() - waited;
  }
}

/** For what happens in the process of the tests. */
export const ownTime = new OwnTime();

/** Milliseconds that the main thread of a process ran, or was ready to run and did not. */
export function ranOrWaited(pid: number): number | undefined {
  try {
    const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return (Number(ran) + Number(waited)) / 1e6;
  } catch {
    return undefined;
  }
}

/** Milliseconds that the main thread of a process was ready to run and did not run. */
function waitedForProcessor(pid: number): number | undefined {
  try {
    const [, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return Number(waited) / 1e6;
  } catch {
    return undefined;
  }
}

/** Clock ticks from the boot to the start of a process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses, which may contain anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
