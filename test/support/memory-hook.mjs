// Loaded by `memory.ts` into a process that is measured: at SIGUSR2 it prints how much memory is in use.
process.on('SIGUSR2', () => {
  const { gc } = globalThis;
  // Finalizers that run at one collection may make more unreachable.
  for (let round = 0; round < 3; round += 1) gc?.();
  process.stdout.write(`memory in use: ${JSON.stringify(process.memoryUsage())}\n`);
});
