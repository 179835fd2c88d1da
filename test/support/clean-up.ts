import { afterAll } from 'vitest';
import { endProcesses } from './processes.ts';

// Vitest loads this before each test file. Files share a process: what one leaves behind must not reach the next, nor the
// processes that the next one starts.
const environment = { ...process.env };

afterAll(async () => {
  await endProcesses();
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});
