import { pino } from 'pino';
import type { Database } from '../../src/tables/database.ts';
import { TaskCreator } from '../../src/tasks/create-task.ts';
import { changeTask } from '../../src/tasks/store/change-task.ts';
import { findStrandedWork } from '../../src/tasks/store/locations.ts';
import { deleteExpiredKeys } from '../../src/tasks/store/retention.ts';
import { readChangesSince, readRevisions } from '../../src/tasks/store/task-feed.ts';
import { leasesOf } from '../../src/tasks/store/task-leases.ts';
import { readTranscriptUpdates } from '../../src/tasks/store/transcript-feed.ts';
import {
  findSession,
  findTask,
  pageTasks,
  type TaskFilter,
} from '../../src/tasks/store/view/task-queries.ts';
import { pageItemsOfSessions } from '../../src/tasks/store/view/transcript-queries.ts';
import { View } from '../../src/tasks/store/view/view.ts';
import { findSuspectWorkers } from '../../src/tasks/store/worker-registry.ts';
import { ownersViewer } from '../../src/tasks/store/workspaces.ts';
import { sweepOverdue } from '../../src/worker/sweeps/overdue.ts';
import { type Amount, idOf, tasksOfProject, tasksOfWord, tasksPerTranscript } from './fill.ts';

/** By name, what an installation does all the time. Each call does it once, for another task each time. */
export type Operations = ReadonlyMap<string, () => Promise<unknown>>;

const first = 20;
const started = { type: 'stepStarted', step: 'ensure_name', timeoutMs: 1_000 } as const;
const interrupted = { type: 'stepInterrupted', step: 'ensure_name' } as const;
const logger = pino({ level: 'silent' });

/** On a database that `fill` has filled with that amount. */
export async function operationsOn(db: Database, { tasks }: Amount): Promise<Operations> {
  const view = new View(db, await ownersViewer(db));
  const creator = new TaskCreator(db, {
    providers: ['instant'],
    defaultAgent: 'demo',
    allowLocalRepos: false,
  });
  // The same steps through both databases, whose tasks differ in number: prime, so that it meets all of them.
  let turn = 0;
  const next = () => {
    turn += 7_919;
    return turn;
  };
  const some = (count: number) => next() % Math.max(1, Math.floor(count));
  const create = () =>
    creator.create(view, {
      repoUrl: 'https://example.com/p/1',
      prompt: 'Fix the tests',
      idempotencyKey: `k${next()}`,
    });
  const created = (await create()).id;
  let isRunning = false;
  const list = (filter: () => TaskFilter, place: 'first' | 'middle' | 'last') => async () => {
    const cursor = { first: {}, middle: { first, after: cursorOf(tasks / 2) }, last: { last: first } }[place];
    return pageTasks(view, filter(), place === 'first' ? { first } : cursor);
  };
  const filters: Readonly<Record<string, () => TaskFilter>> = {
    'no filter': () => ({}),
    'one status': () => ({ status: ['running'] }),
    'three statuses': () => ({ status: ['running', 'error', 'archived'] }),
    'a rare status': () => ({ status: ['error'] }),
    'a project': () => ({ projectId: idOf('project', some(tasks / tasksOfProject / 2)) }),
    'a project and a status': () => ({
      projectId: idOf('project', some(tasks / tasksOfProject / 2)),
      status: ['running', 'archived'],
    }),
    'a rare word': () => ({ search: `rare${some(tasks / tasksOfWord)}` }),
    'a common word': () => ({ search: 'common' }),
    'a common word and a status': () => ({ search: 'common', status: ['running'] }),
    'a word that is nowhere': () => ({ search: 'nowhere' }),
  };
  const operations = new Map<string, () => Promise<unknown>>([
    ['createTask', create],
    [
      'a revision',
      () => {
        isRunning = !isRunning;
        return changeTask(db, created, { event: isRunning ? started : interrupted });
      },
    ],
    ['task', () => findTask(view, idOf('task', some(tasks)))],
    ['session', () => findSession(view, idOf('session', some(tasks)))],
  ]);
  for (const [name, filter] of Object.entries(filters)) {
    for (const place of ['first', 'middle', 'last'] as const)
      operations.set(`tasks: ${name}, ${place} page`, list(filter, place));
  }
  const talked = () => idOf('session', some(tasks / tasksPerTranscript) * tasksPerTranscript);
  operations.set('transcriptUpdated’s replay', () =>
    readTranscriptUpdates(db, [{ sessionId: talked(), after: 0 }]),
  );
  operations.set('Session.items', () => pageItemsOfSessions(view, [talked()], { first }));
  operations.set('taskUpdated’s replay', async () => {
    const task = await findTask(view, idOf('task', some(tasks)));
    return task && readRevisions(db, [{ task, after: 0 }]);
  });
  const { cursor } = await readChangesSince(db, null);
  await creator.create(view, { repoUrl: 'https://example.com/p/1', prompt: created });
  operations.set('the look for lost wake-ups', () => readChangesSince(db, cursor));
  operations.set('the sweep of what is overdue', () => sweepOverdue(db, logger));
  operations.set('the sweep of leases', () => leasesOf(db, 'nobody'));
  operations.set('the sweep of workers', () => findSuspectWorkers(db, 'nobody'));
  operations.set('the sweep of locations', () => findStrandedWork(db));
  operations.set('the deletion of old keys', () => deleteExpiredKeys(db, 100));
  return operations;
}

function cursorOf(number: number): string {
  return Buffer.from(idOf('task', Math.floor(number))).toString('base64url');
}
