// Creates tasks without HTTP: through src/tasks, by the same statement in raw `pg`, and, for what a round trip costs
// alone, `select 1`. All on as many connections.
import { Pool } from 'pg';
import { openDatabase } from '../../src/tables/database.ts';
import { TaskCreator, type TaskDefaults } from '../../src/tasks/create-task.ts';
import { View } from '../../src/tasks/store/view/view.ts';
import { ownersViewer } from '../../src/tasks/store/workspaces.ts';
import { lengthOf } from '../length.ts';
import { paramsForAnother, recordStatements } from '../recorded-statements.ts';
import { spreadOf } from '../statistics.ts';
import { finish, readSpec } from './load.ts';

export interface CreateDirectSpec {
  readonly databaseUrl: string;
  readonly repoUrl: string;
  readonly connections: number;
  readonly seconds: number;
}

const { databaseUrl, repoUrl, connections, seconds } = readSpec<CreateDirectSpec>();
const offer: TaskDefaults = { providers: ['local'], defaultAgent: 'demo', allowLocalRepos: true };
const input = { repoUrl, prompt: 'Fix the tests that fail on the build server' };
const db = await openDatabase(databaseUrl, { poolSize: connections });
const viewer = await ownersViewer(db);
const view = new View(db, viewer);
const creator = new TaskCreator(db, offer);
const pool = new Pool({ connectionString: databaseUrl, max: connections });

const statements = await recordStatements(databaseUrl, (recorded) =>
  new TaskCreator(recorded, offer).create(new View(recorded, viewer), input),
);

const works = {
  tasks: () => creator.create(view, input),
  // Named, as those of src/tasks are: planned once for each connection.
  raw: async () => {
    for (const [index, statement] of statements.entries()) {
      const values = paramsForAnother(statement);
      await pool.query({ name: `statement-${index}`, text: statement.sql, values });
    }
  },
  selectOne: () => pool.query('select 1'),
};
type Name = keyof typeof works;

async function during(ms: number, work: () => Promise<unknown>): Promise<number[]> {
  const end = performance.now() + ms;
  const untilEnd = async () => {
    const latencies: number[] = [];
    while (performance.now() < end) {
      const began = performance.now();
      await work();
      latencies.push(performance.now() - began);
    }
    return latencies;
  };
  return (await Promise.all(Array.from({ length: connections }, untilEnd))).flat();
}

for (const work of Object.values(works)) await during(lengthOf({ full: 1_000, short: 100 }), work);
const latencies: Record<Name, number[]> = { tasks: [], raw: [], selectOne: [] };
// The fuller the tables the slower, so each is measured early and late.
const turns: readonly Name[] = ['tasks', 'raw', 'selectOne', 'selectOne', 'raw', 'tasks'];
for (const name of turns) latencies[name] = latencies[name].concat(await during(seconds * 500, works[name]));

const resultOf = (of: readonly number[]) => ({ ...spreadOf(of), perSecond: of.length / seconds });
finish({
  tasks: resultOf(latencies.tasks),
  raw: resultOf(latencies.raw),
  selectOne: resultOf(latencies.selectOne),
});
