import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Client } from 'pg';
import { openDatabase } from '../../src/tables/database.ts';
import { migrate } from '../../src/tables/migrate.ts';
import { TaskCreator } from '../../src/tasks/create-task.ts';
import { View } from '../../src/tasks/store/view/view.ts';
import { ownersViewer } from '../../src/tasks/store/workspaces.ts';
import { startBenchDatabase } from '../bench-database.ts';
import type { Figure } from '../figure.ts';
import { lengthOf } from '../length.ts';
import { isInterrupted } from '../load-process.ts';
import { type Amount, fill } from '../million/fill.ts';
import { type Operations, operationsOn } from '../million/operations.ts';
import { spreadOf } from '../statistics.ts';

const eventsPerTask = 10;
/** As much as a page needs, for each filter. */
const few: Amount = { tasks: 400, eventsPerTask };
const calls = lengthOf({ full: 200, short: 3 });
/**
 * Calls before those that are measured. PostgreSQL then holds what an installation that is in use looks up all the time, the indexes
 * and the words, and few of its tasks. Also, it settles on a plan after the fifth.
 */
const callsBefore = lengthOf({ full: 1_000, short: 10 });
/** They change what is stored: with as many calls the small database would not stay one. */
const changes = { names: ['createTask', 'a revision'], callsBefore: 10 };
/** Bytes that an event takes on the disk, with its share of all else and of the write-ahead log. */
const bytesOfEvent = 4_000;
const mostCost = 1.3;
/** Milliseconds for the calls of one operation. */
const longestMs = 15_000;

/**
 * What each operation costs with a million tasks and ten million events, beside the same one with a few hundred, in turns on one
 * PostgreSQL. `tasks`: another number of them. Throws when the disk has no room for them.
 */
export async function benchMillion(tasks = 1_000_000): Promise<Figure[]> {
  const { bavail, bsize } = await statfs(tmpdir());
  const needed = tasks * eventsPerTask * bytesOfEvent;
  if (bavail * bsize < needed) {
    throw new Error(`${tmpdir()} has no room for ${tasks} tasks, which need ${Math.ceil(needed / 1e9)} GB`);
  }
  await using server = await startBenchDatabase();
  await using parts = new AsyncDisposableStack();
  const prepare = async (amount: Amount) => {
    const url = await createDatabase(server.url, `bench_${amount.tasks}`);
    const db = parts.adopt(await openDatabase(url, { poolSize: 4 }), (each) => each.close());
    const creator = new TaskCreator(db, {
      providers: ['instant'],
      defaultAgent: 'demo',
      allowLocalRepos: false,
    });
    const view = new View(db, await ownersViewer(db));
    const model = await creator.create(view, { repoUrl: 'https://example.com/a/b', prompt: 'Fix the tests' });
    const began = performance.now();
    await fill(url, amount, model.id, (done) => {
      if (done % 100_000 === 0)
        process.stderr.write(
          `bench: ${done} tasks after ${Math.round((performance.now() - began) / 1_000)} s\n`,
        );
      if (isInterrupted()) throw new Error('interrupted');
    });
    return operationsOn(db, amount);
  };
  // With `await`: the databases are closed when this returns.
  return await compare(await prepare({ tasks, eventsPerTask }), await prepare(few), tasks);
}

async function compare(full: Operations, empty: Operations, tasks: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, run] of full) {
    const runOnFew = empty.get(name) as () => Promise<unknown>;
    // One that takes too long must not cost the figures of all others, nor the time that the filling took.
    const times = await measure(name, run, runOnFew).catch((error: Error) => {
      process.stderr.write(`bench: million: ${name}: ${error.message}\n`);
      process.exitCode = 1;
    });
    if (!times) continue;
    const [value, floor] = times;
    figures.push({
      suite: 'million',
      name,
      unit: 'ms',
      value,
      floor,
      floorIs: `${few.tasks} tasks instead of ${tasks}`,
      goal: { atMost: mostCost * floor },
    });
    if (isInterrupted()) break;
  }
  return figures;
}

/** The medians of both, in milliseconds. */
async function measure(
  name: string,
  one: () => Promise<unknown>,
  other: () => Promise<unknown>,
): Promise<[number, number]> {
  await inTurns(one, other, changes.names.includes(name) ? changes.callsBefore : callsBefore);
  const [ofOne, ofOther] = await inTurns(one, other, calls);
  return [spreadOf(ofOne).p50, spreadOf(ofOther).p50];
}

/** How long each call took, in milliseconds. Of what takes long there are fewer calls, but one. */
async function inTurns(
  one: () => Promise<unknown>,
  other: () => Promise<unknown>,
  most: number,
): Promise<[number[], number[]]> {
  const times: [number[], number[]] = [[], []];
  const endsAt = performance.now() + longestMs;
  for (let call = 0; call < most && (call === 0 || performance.now() < endsAt); call += 1) {
    for (const [index, run] of [one, other].entries()) {
      const began = performance.now();
      await run();
      times[index]?.push(performance.now() - began);
    }
  }
  return times;
}

async function createDatabase(adminUrl: string, name: string): Promise<string> {
  const admin = new Client(adminUrl);
  await admin.connect();
  await admin.query(`create database ${name} template template0`).finally(() => admin.end());
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  await migrate(url.href);
  return url.href;
}
