import { execFileSync } from 'node:child_process';
import { type Contender, withServer } from './contenders.ts';
import { runLoad } from './load-process.ts';
import type { IdleSpec } from './loads/idle.ts';

export interface Memory {
  readonly heap: number;
  readonly resident: number;
}

/** KiB for each idle subscription on a socket of its own. */
export function measureIdleMemory(
  contender: Contender,
  spec: Pick<IdleSpec, 'databaseUrl' | 'taskIds' | 'warmUp' | 'sockets' | 'revisions'>,
): Promise<Memory> {
  return withServer(contender, async (target, server) => {
    const usage: NodeJS.MemoryUsage[] = [];
    await runLoad('idle', { ...target, ...spec } satisfies IdleSpec, async () => {
      usage.push(await server.memory());
    });
    const [warm, open] = usage as [NodeJS.MemoryUsage, NodeJS.MemoryUsage];
    const heapOf = ({ heapUsed, external }: NodeJS.MemoryUsage) => heapUsed + external;
    const each = (bytes: number) => bytes / 1_024 / spec.sockets;
    return { heap: each(heapOf(open) - heapOf(warm)), resident: each(open.rss - warm.rss) };
  });
}

/** So many, or as many as this process and its children may open. */
export function socketsUpTo(count: number): number {
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  return limit === 'unlimited' ? count : Math.min(count, Number(limit) - 1_000);
}
