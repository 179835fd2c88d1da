// Loaded into a process that is measured, with `--expose-gc`: tells over IPC how much memory is really in use.
process.on('message', () => {
  (globalThis as { gc?: () => void }).gc?.();
  process.send?.(process.memoryUsage());
});
// Whoever is asked must still be able to end.
process.channel?.unref();
