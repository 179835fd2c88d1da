import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createGroundcrew, type Groundcrew, type Task } from './client/client.ts';
import { loadConfig } from './config.ts';
import { startGroundcrew } from './groundcrew.ts';
import { createLogger } from './log.ts';
import { loadOwnersToken } from './server/token.ts';
import { stopOnSignal } from './signals.ts';

// The main job from end to end: `npm run demo`, or `npm run demo -- PATH_OR_URL` for a repository of one's own.

const repository = process.argv[2] ?? resolve(import.meta.dirname, '..');
const repoUrl = /^([a-z]+:\/\/|[^/]+@?[^/]*:)/.test(repository) ? repository : resolve(repository);

// A data folder of its own, so that it can run beside a server, and leaves nothing behind.
const ownFolder =
  process.env.GROUNDCREW_DATA_DIR === undefined ? await mkdtemp(join(tmpdir(), 'groundcrew-demo-')) : null;
const parts = new AsyncDisposableStack();
if (ownFolder !== null) parts.defer(() => remove(ownFolder));

try {
  const env = ownFolder === null ? process.env : { ...process.env, GROUNDCREW_DATA_DIR: ownFolder };
  const config = loadConfig({ LOG_LEVEL: 'error', ...env, PORT: '0' });
  const logger = createLogger(config.logLevel);
  const stopped = stopOnSignal(logger).then(() => Promise.reject(new Error('stopped')));
  process.exitCode = await Promise.race([runDemo(), stopped]);

  async function runDemo(): Promise<number> {
    const started = performance.now();
    const server = await startGroundcrew('start', config, logger);
    parts.defer(() => server.stop());
    say(
      `groundcrew is up after ${since(started)} ms, on ${server.url}, with ${config.databaseUrl ? 'your' : 'its own'} PostgreSQL`,
    );
    const token = await loadOwnersToken(config.token, config.dataDir);
    const groundcrew = createGroundcrew({ url: server.url as string, token });
    parts.defer(() => groundcrew.close());
    return watchOneTask(groundcrew);
  }
} catch (error) {
  process.stderr.write(`demo: ${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await parts.disposeAsync();
}
process.exit();

async function watchOneTask(groundcrew: Groundcrew): Promise<number> {
  // Opens the connections, so that the next figure is that of createTask alone.
  await groundcrew.task('task_00000000000000000000000000');
  const asked = performance.now();
  const { id } = await groundcrew.createTask({
    repoUrl,
    prompt: 'Leave a note in this repository that says hello',
  });
  const answered = performance.now();
  say(`createTask answered in ${Math.round(answered - asked)} ms: ${id}, on ${repoUrl}`);

  let status: Task['status'] | undefined;
  for await (const task of groundcrew.watchTask(id, { afterRevision: 0 })) {
    if (task.status !== status) say(`${`+${since(answered)}`.padStart(8)} ms  ${task.status}`);
    status = task.status;
    if (status === 'RUNNING') {
      say(`branch    ${task.branchName}`);
      say(`checkout  ${task.sandbox?.cwd}`);
      say(`session   ${task.sessions[0]?.id} with agent ${task.agent}: ${task.sessions[0]?.status}`);
      await groundcrew.archiveTask(id);
    } else if (status === 'ERROR') {
      process.stderr.write(`demo: ${task.error?.code} at ${task.error?.step}: ${task.error?.message}\n`);
      if (!task.sandbox) return 1;
      await groundcrew.cancelTask(id);
    } else if ((status === 'ARCHIVED' || status === 'CANCELED') && !task.sandbox) {
      say('the sandbox is removed');
      return status === 'ARCHIVED' ? 0 : 1;
    }
  }
  throw new Error('the subscription has ended');
}

/** With the database, which lies elsewhere when its own user can't enter the folder. */
async function remove(folder: string): Promise<void> {
  const database = await realpath(join(folder, 'postgres')).catch(() => folder);
  for (const path of [database, folder]) await rm(path, { recursive: true, force: true });
}

function since(start: number): number {
  return Math.round(performance.now() - start);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
