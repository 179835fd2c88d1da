import { join } from 'node:path';
import type { StartedProcess } from './processes.ts';
import { waitFor } from './wait-for.ts';

/** Options of Node for a process that `memoryOf` is to ask. */
export const memoryOptions = ['--import', join(import.meta.dirname, 'memory-hook.mjs')] as const;

/** What the process uses after a garbage collection. The process must have been started with `memoryOptions`. */
export async function memoryOf(started: StartedProcess): Promise<NodeJS.MemoryUsage> {
  const answers = () => started.stdout.flatMap((line) => /^memory in use: (.*)$/.exec(line)?.[1] ?? []);
  const known = answers().length;
  started.kill('SIGUSR2');
  await waitFor(() => answers().length > known, 30_000, 'the memory hook to answer');
  return JSON.parse(answers().at(-1) as string) as NodeJS.MemoryUsage;
}
