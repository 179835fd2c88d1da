import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startGroundcrew } from '../../test/support/groundcrew-processes.ts';
import { type StartedProcess, startProcess } from '../../test/support/processes.ts';
import { type BenchDatabase, startBenchDatabase } from '../bench-database.ts';
import type { Figure } from '../figure.ts';
import { lengthOf } from '../length.ts';
import { processorMs, token } from '../server-process.ts';
import { spreadOf } from '../statistics.ts';

const rounds = lengthOf({ full: 5, short: 1 });
/** Milliseconds after which a process has nothing left to do. */
const restMs = lengthOf({ full: 3_000, short: 100 });
/** Milliseconds and MB. */
const goals = { firstMs: 5_000, readyMs: 1_500, residentMb: 150 };

interface Start {
  readonly readyMs: number;
  readonly cpuMs: number;
  /** With the pages of Node itself, which all its processes share. */
  readonly residentMb: number;
}

/** What it takes to start each role, as users do, and what it then has resident, PostgreSQL aside. */
export async function benchStart(): Promise<Figure[]> {
  await using database = await startBenchDatabase();
  await using parts = new AsyncDisposableStack();
  const dataDir = parts.adopt(await mkdtemp(join(tmpdir(), 'groundcrew-start-')), (dir) =>
    rm(dir, { recursive: true, force: true }),
  );
  const whole = { GROUNDCREW_DATA_DIR: join(dataDir, 'data'), DATABASE_URL: undefined };
  const first = await measure(() => startGroundcrew('start', whole), /ready on/);
  const figures: Figure[] = [
    figure('npm start, the first time', 'ms', first.readyMs, goals.firstMs),
    ...ofStarts(
      'npm start',
      await measureAll(() => startGroundcrew('start', whole), /ready on/),
      goals.readyMs,
    ),
  ];
  for (const [role, line] of [['api', /ready on/] as const, ['worker', /worker ready/] as const]) {
    const starts = await measureAll(() => startGroundcrew(role, settingsOf(database)), line);
    figures.push(...ofStarts(`npm run ${role}`, starts));
  }
  const npm = () =>
    startProcess(['npm', 'start', '--silent'], { env: { ...whole, PORT: '0', LOG_LEVEL: 'error' } });
  const withNpm = await measureAll(npm, /ready on/);
  figures.push(figure('npm start, npm included, ready', 'ms', medianOf(withNpm, 'readyMs'), goals.readyMs));
  return figures;
}

function settingsOf({ url, dataDir }: BenchDatabase) {
  return { DATABASE_URL: url, GROUNDCREW_DATA_DIR: dataDir, GROUNDCREW_TOKEN: token };
}

async function measureAll(start: () => StartedProcess, line: RegExp): Promise<Start[]> {
  const starts: Start[] = [];
  for (let round = 0; round < rounds; round += 1) starts.push(await measure(start, line));
  return starts;
}

async function measure(start: () => StartedProcess, line: RegExp): Promise<Start> {
  const began = performance.now();
  await using started = start();
  await started.waitForLine(line, 60_000);
  const readyMs = performance.now() - began;
  const cpuMs = processorMs(started.pid);
  await delay(restMs);
  const residentMb = residentKb(started.pid) / 1_024;
  started.kill();
  await started.exit;
  return { readyMs, cpuMs, residentMb };
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function ofStarts(name: string, starts: readonly Start[], readyMs?: number): Figure[] {
  return [
    figure(`${name}, ready`, 'ms', medianOf(starts, 'readyMs'), readyMs),
    figure(`${name}, processor time until ready`, 'ms', medianOf(starts, 'cpuMs')),
    figure(`${name}, resident at rest`, 'MB', medianOf(starts, 'residentMb'), goals.residentMb),
  ];
}

function medianOf(starts: readonly Start[], of: keyof Start): number {
  return spreadOf(starts.map((each) => each[of])).p50;
}

function figure(name: string, unit: string, value: number, atMost?: number): Figure {
  return { suite: 'start', name, unit, value, ...(atMost !== undefined && { goal: { atMost } }) };
}
