import { afterAll } from 'vitest';
import { endProcesses } from './processes.ts';

// Vitest loads this before each test file, so that what a failed test left running does not disturb the next file.
afterAll(endProcesses);
