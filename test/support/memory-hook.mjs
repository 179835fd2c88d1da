// Loaded by `memory.ts` into a process that is measured: at SIGUSR2 it prints how much memory is in use.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let gc;
process.on('SIGUSR2', () => {
  if (!gc) {
    // Set now, and not as an option of Node: processes that start with different options do not share a compile cache.
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc');
  }
  // Finalizers that run at one collection may make more unreachable.
  for (let round = 0; round < 3; round += 1) gc();
  process.stdout.write(`memory in use: ${JSON.stringify(process.memoryUsage())}\n`);
});
