// Loaded into a process under test, with `--expose-gc`: at SIGUSR2 it prints how much memory is really in use.
process.on('SIGUSR2', () => {
  const collect = (globalThis as { gc?: () => void }).gc;
  // What the first collection finds unreachable may hold more, through finalizers.
  for (let round = 0; round < 3; round += 1) collect?.();
  process.stdout.write(`heap in use: ${process.memoryUsage().heapUsed}\n`);
});
