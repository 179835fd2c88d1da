import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startTimeOf } from '../../../src/process-identity.ts';
import type { WorkerProcess } from '../../../src/tasks/store/worker-registry.ts';
import { ownProcess, stateOf } from '../../../src/worker/liveness/host-process.ts';
import { waitFor } from '../../support/wait-for.ts';

const own = async () => (await ownProcess()) as WorkerProcess;

// The kernel says more of processes on Linux than elsewhere; there, no process is recognized.
describe.runIf(process.platform === 'linux')('stateOf', () => {
  it('returns alive for this process', async () => {
    expect(await stateOf(await own())).toBe('alive');
  });

  it('returns unknown for a worker that told nothing of its process', async () => {
    expect(await stateOf(null)).toBe('unknown');
  });

  it('returns unknown for a process of another host', async () => {
    expect(await stateOf({ ...(await own()), host: 'another host' })).toBe('unknown');
  });

  it('returns gone for an earlier process with the pid of this one', async () => {
    expect(await stateOf({ ...(await own()), start: '1' })).toBe('gone');
  });

  it('returns alive for a stopped process, and gone for a killed one', async () => {
    const child = spawn('sleep', ['60']);
    const { pid } = child as { pid: number };
    const start = await waitFor(() => startTimeOf(pid));
    const worker = { ...(await own()), pid, start };
    child.kill('SIGSTOP');
    expect(await stateOf(worker)).toBe('alive');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await stateOf(worker)).toBe('gone');
  });

  it('returns gone for a killed process whose parent has not noticed', async () => {
    // The shell becomes a program that waits for no child.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(String(line));
    try {
      const start = await waitFor(() => startTimeOf(pid));
      process.kill(pid, 'SIGKILL');
      await waitFor(async () => (await stateOf({ ...(await own()), pid, start })) === 'gone');
    } finally {
      parent.kill('SIGKILL');
      await once(parent, 'exit');
    }
  });
});
