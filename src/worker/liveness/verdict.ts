import type { SuspectWorker } from '../../tasks/store/worker-registry.ts';
import type { ProcessState } from './host-process.ts';

/**
 * - `killed`: its process has ended.
 * - `hung`: it hangs, or it alone is cut off from the database.
 * - `lostInOutage`: the database was away, and the worker has not come back. Its tasks are not to blame.
 * - `undecided`: it may be alive.
 */
export type Verdict = 'killed' | 'hung' | 'lostInOutage' | 'undecided';

/** What the observing worker knows of itself. */
export interface Observer {
  /** Milliseconds since its heartbeat last had a gap. */
  readonly stableForMs: number;
  /** Whether it has ever lost its connection: what caused that may have hit the other worker too. */
  readonly connectionWasLost: boolean;
  /** Whether it takes no jobs yet. */
  readonly isStarting: boolean;
}

/** Milliseconds without a heartbeat after which a free lock counts, where the process itself cannot be seen. */
const killedAfterMs = 1_000;
/** The same without any other evidence. */
const hungAfterMs = 9_000;
/** Milliseconds for which the observer's own heartbeat must have had no gap before it decides from time alone. */
const minStableMs = 3_000;
/**
 * The same after an outage: what a live worker needs to come back. A connect that gets no answer ends after 5 seconds, and
 * the pause after it takes up to 1.5.
 */
const minStableAfterOutageMs = 7_000;

/**
 * What has become of a worker without a lock or without a heartbeat. A free lock alone proves nothing: after an outage of
 * the database every worker's lock is free until that worker has got the processor time to connect again.
 */
export function verdictOn(suspect: SuspectWorker, process: ProcessState, observer: Observer): Verdict {
  const { isLockFree, heartbeatAgeMs } = suspect;
  const wasAvailable = hasBeenAvailable(suspect, observer);
  const mayHaveComeBack = observer.stableForMs > minStableAfterOutageMs;
  if (isLockFree && process === 'gone') return 'killed';
  if (isLockFree && process === 'unknown' && heartbeatAgeMs > killedAfterMs) {
    if (wasAvailable && (mayHaveComeBack || !observer.connectionWasLost)) return 'killed';
  }
  if (heartbeatAgeMs <= hungAfterMs) return 'undecided';
  if (!wasAvailable) return mayHaveComeBack ? 'lostInOutage' : 'undecided';
  const isStable = observer.connectionWasLost ? mayHaveComeBack : observer.stableForMs > minStableMs;
  return isStable ? 'hung' : 'undecided';
}

/**
 * Whether the database has been available since the worker's last heartbeat: a session that is older proves it. A worker
 * that starts may be the first to have sessions again, so there the start time of the server has to do. That overlooks an
 * outage between the two, such as the failover to another server.
 */
function hasBeenAvailable(suspect: SuspectWorker, { isStarting }: Observer): boolean {
  return suspect.hasOlderSession || (isStarting && suspect.hasOlderServer);
}
