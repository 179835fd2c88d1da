import { readFileSync } from 'node:fs';

/**
 * A clock that stands still while a process that is measured could run and the system gave it no processor. So a promise is
 * measured as the product keeps it, whatever else the machine does. Linux counts those times; elsewhere it is a usual clock.
 */
export class OwnTime {
  readonly #pids: () => readonly number[];
  /** Milliseconds by process, which stay known after its end. */
  readonly #waits = new Map<number, number>();

  /** Measures this process and those that `pids` names. */
  constructor(pids: () => readonly number[] = () => []) {
    this.#pids = pids;
  }

  /** Milliseconds since some moment. */
  now(): number {
    for (const pid of [process.pid, ...this.#pids()]) {
      const wait = waitedForProcessor(pid);
      if (wait !== undefined) this.#waits.set(pid, wait);
    }
    let waited = 0;
    for (const wait of this.#waits.values()) waited += wait;
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
