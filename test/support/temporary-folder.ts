import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from './processes.ts';

const memory = '/dev/shm';
const prefix = `groundcrew-tests-${pidNamespace()}-`;

/** Bytes. A run takes about a tenth of it: the tests must not be what fills the memory of a machine. */
const neededRoom = 4 * 2 ** 30;

/**
 * Makes the folder in which a test run keeps all its files, databases included: in memory where there is room, because half
 * of the time that the tests spend in the system goes to files that live for a second. Any user may write into it, as into
 * other folders for temporary files. The caller removes it.
 */
export async function makeTemporaryFolder(): Promise<string> {
  const folder = (await makeInMemory()) ?? (await mkdtemp(join(tmpdir(), prefix)));
  await chmod(folder, 0o1777);
  return folder;
}

async function makeInMemory(): Promise<string | undefined> {
  const { bavail, bsize } = await statfs(memory).catch(() => ({ bavail: 0, bsize: 0 }));
  if (Math.min(bavail * bsize, process.availableMemory()) < neededRoom) return undefined;
  await removeAbandoned();
  const folder = await mkdtemp(join(memory, `${prefix}${process.pid}-`)).catch(() => undefined);
  if (folder === undefined || (await canRunPrograms(folder))) return folder;
  await rm(folder, { recursive: true });
  return undefined;
}

/** A run that was killed has left its folder, which would take memory until the machine is started again. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(memory)) {
    if (!name.startsWith(prefix)) continue;
    const [pid] = name.slice(prefix.length).split('-');
    if (!isRunning(Number(pid)))
      await rm(join(memory, name), { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Containers often mount it so that no file in it can be run. */
async function canRunPrograms(folder: string): Promise<boolean> {
  const program = join(folder, 'program');
  await writeFile(program, '#!/bin/sh\n', { mode: 0o755 });
  try {
    execFileSync(program);
    return true;
  } catch {
    return false;
  } finally {
    await rm(program);
  }
}

/** Names the pids that are known here: a container may share the folder with another one. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '');
  } catch {
    return '';
  }
}
