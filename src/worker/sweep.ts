import { setTimeout as delay } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import { persist } from '../db/persist.ts';
import type { Logger } from '../log.ts';
import type { Providers } from '../sandbox/registry.ts';
import { forgetOldKeys } from '../tasks/idempotency.ts';
import { leasesOf, rescueLease, wakeForgottenTasks } from '../tasks/lease.ts';
import { releaseAgain, releaseForgotten } from '../tasks/sandbox-ledger.ts';
import { hasMissingWorkers, rescueFromDeadWorkers } from '../tasks/worker-registry.ts';
import { runAttempt } from './attempt.ts';
import type { Holds } from './holds.ts';
import type { Registration } from './registration.ts';

export interface SweepDependencies {
  em(): EntityManager;
  readonly logger: Logger;
  readonly providers: Providers;
  readonly registration: Registration;
  readonly holds: Holds;
}

/** Milliseconds that a worker has to have been well itself before it judges others: after it was cut off, so were they. */
const steadyMs = 3_000;
const listTimeoutMs = 10_000;

/** Takes over from workers that are gone. */
export async function sweepWorkers({ em, logger, registration }: SweepDependencies): Promise<void> {
  const steady = registration.steadyFor() > steadyMs;
  const rescued = await rescueFromDeadWorkers(em(), registration.workerId, {
    judgeKilled: steady || !registration.interrupted,
    judgeHung: steady,
  });
  if (rescued.workers.length > 0) logger.warn(rescued, 'rescued the tasks of workers that are gone');
}

/** Milliseconds: more than it takes to judge a worker that was killed just before this one was started. */
const verdictMs = 1_500;
const verdictPauseMs = 50;

/**
 * Takes over from workers that were killed, before the first job is taken: what was under way goes before what waits, which
 * would have all slots by then. Costs nothing when nobody is missing.
 */
export async function takeOver(
  em: () => EntityManager,
  workerId: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + verdictMs;
  do {
    const judges = { judgeKilled: true, judgeHung: false };
    await persist(() => rescueFromDeadWorkers(em(), workerId, judges), signal);
    if (!(await persist(() => hasMissingWorkers(em()), signal))) return;
    await delay(verdictPauseMs, undefined, { signal });
  } while (performance.now() < deadline);
}

/** Makes what this process holds and what the database says it holds the same again, should a word have got lost. */
export async function sweepLeases({ em, holds, registration }: SweepDependencies): Promise<void> {
  const held = holds.leases();
  const { workerId } = registration;
  const leases = await leasesOf(em(), workerId);
  const epochs = new Map(leases.map(({ taskId, epoch }) => [taskId, epoch]));
  for (const { taskId, epoch } of held) {
    // Not a later lease of the same task, which it may be held under by now.
    if (epochs.get(taskId) !== epoch) holds.lost(taskId, epoch + 1);
  }
  for (const lease of leases) {
    if (!holds.get(lease.taskId)) await rescueLease(em(), workerId, lease);
  }
}

/** Wakes what waits with nobody to wake it. */
export async function sweepForgotten({ em, logger }: SweepDependencies): Promise<void> {
  const tasks = await wakeForgottenTasks(em());
  if (tasks.length > 0) logger.warn({ tasks }, 'tasks were due without a job');
  const sandboxes = await releaseForgotten(em());
  if (sandboxes.length > 0) logger.warn({ sandboxes }, 'sandboxes waited for their release without a job');
  await forgetOldKeys(em());
}

/**
 * Compares what the providers have with what is wanted. Only what stands in the ledger is touched: anything else was made
 * by another installation.
 */
export async function sweepSandboxes(
  { em, logger, providers }: SweepDependencies,
  signal: AbortSignal,
): Promise<void> {
  for (const name of providers.names) {
    const provider = providers.get(name);
    if (!provider) continue;
    try {
      const log = (line: string) => logger.info({ provider: name, line }, 'provider');
      const listed = await runAttempt({ number: 1, timeoutMs: listTimeoutMs, signal, log }, (context) =>
        provider.listSandboxes(context),
      );
      const leaked = await releaseAgain(
        em(),
        listed.map(({ key }) => key),
      );
      if (leaked.length > 0)
        logger.warn({ provider: name, leaked: leaked.length, keys: leaked }, 'leaked sandboxes');
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error, provider: name }, 'could not compare the sandboxes');
    }
  }
}
