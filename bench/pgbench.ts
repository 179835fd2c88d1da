import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { insertTaskSql, queues, taskValues } from './floors/create-task.ts';
import { lengthOf } from './length.ts';
import { isInterrupted } from './load-process.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** Undefined where pgbench is not installed. */
export function pgbenchVersion(): string | undefined {
  try {
    const text = execFileSync('pgbench', ['--version'], { encoding: 'utf8', stdio: 'pipe' });
    return /\d+(\.\d+)*/.exec(text)?.[0];
  } catch {
    return undefined;
  }
}

type Created = Spread & { readonly perSecond: number };

export interface PgbenchSpec {
  readonly databaseUrl: string;
  readonly workspaceId: string;
  readonly repoUrl: string;
  readonly connections: number;
  readonly seconds: number;
}

const warmUpSeconds = lengthOf({ full: 1, short: 0 });
let runs = 0;

/** Creates tasks by the statement of `yoga-create-server.ts`, prepared, with nothing between pgbench and PostgreSQL. */
export async function runPgbench(spec: PgbenchSpec): Promise<Created> {
  const { databaseUrl, workspaceId, repoUrl, connections } = spec;
  if (isInterrupted()) throw new Error('interrupted');
  const seconds = Math.ceil(spec.seconds);
  const values = taskValues(workspaceId, { repoUrl, prompt: 'Fix the tests that fail on the build server' });
  runs += 1;
  const dir = await mkdtemp(join(tmpdir(), 'groundcrew-pgbench-'));
  try {
    const script = join(dir, 'create.sql');
    await writeFile(script, scriptOf(insertTaskSql(queues.graphileWorker)));
    const constants = values.flatMap((value, index) => ['--define', `value${index + 1}=${value}`]);
    await promisify(execFile)('pgbench', [
      ...[
        '--no-vacuum',
        '--protocol',
        'prepared',
        '--file',
        script,
        '--log',
        '--log-prefix',
        join(dir, 'log'),
      ],
      ...['--client', String(connections), '--time', String(warmUpSeconds + seconds)],
      ...[...constants, '--define', `run=${runs}`, '--define', 'n=0', databaseUrl],
    ]);
    const logs = (await readdir(dir)).filter((name) => name.startsWith('log'));
    const lines = await Promise.all(logs.map((name) => readFile(join(dir, name), 'utf8')));
    return measuredIn(lines.join(''), warmUpSeconds);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Positions of the ids among the values: each task needs ids of its own, which pgbench can only count. */
const idPrefixes: Readonly<Record<number, string>> = {
  3: 'project',
  5: 'task',
  9: 'session',
  10: 'prompt',
  11: 'event',
};

function scriptOf(sql: string): string {
  const text = sql.replace(/\$(\d+)/g, (_, position: string) => {
    const prefix = idPrefixes[Number(position)];
    return prefix === undefined ? `:value${position}` : `('${prefix}_' || lpad(:id::text, 26, '0'))`;
  });
  return `\\set n :n + 1\n\\set id (:run * 1000 + :client_id) * 10000000 + :n\n${text};\n`;
}

/** A line is: client, number, latency in µs, script, second and µs of its end. Counts from `skipSeconds` after the first end. */
function measuredIn(log: string, skipSeconds: number): Created {
  const transactions = log
    .trim()
    .split('\n')
    .map((line) => {
      const [, , latency, , second, micros] = line.split(' ').map(Number);
      return { ms: Number(latency) / 1_000, endedAt: Number(second) + Number(micros) / 1e6 };
    })
    .sort((one, other) => one.endedAt - other.endedAt);
  const from = skipSeconds + (transactions[0]?.endedAt ?? Number.NaN);
  const to = transactions.at(-1)?.endedAt ?? Number.NaN;
  const counted = transactions.filter(({ endedAt }) => endedAt > from);
  return { ...spreadOf(counted.map(({ ms }) => ms)), perSecond: counted.length / (to - from) };
}
