import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { onShutdownSignal } from '../app/shutdown-signals.ts';
import { startGroundcrew } from '../app/start.ts';
import { createGroundcrew, type Groundcrew, type Task } from '../client/client.ts';
import { loadConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { loadOwnersToken } from '../server/auth/token.ts';

/**
 * The main job from end to end, on a path or URL of a repository, or on this project's own. Returns the exit code: 0 once
 * the task was RUNNING, and all that was started is stopped again.
 */
export async function demo(given?: string): Promise<number> {
  await using parts = new AsyncDisposableStack();
  const dataDir = process.env.GROUNDCREW_DATA_DIR ?? (await createTempDataDir(parts));
  const config = loadConfig({ LOG_LEVEL: 'error', ...process.env, GROUNDCREW_DATA_DIR: dataDir, PORT: '0' });
  const logger = createLogger(config.logLevel);
  const stopped = onShutdownSignal(logger).then(() => {
    print('stopped by a signal');
    return 1;
  });

  const started = performance.now();
  const server = await startGroundcrew('start', config, logger);
  parts.defer(() => server.stop());
  const database = config.databaseUrl === undefined ? 'a PostgreSQL of its own' : 'your PostgreSQL';
  print(`groundcrew is up after ${since(started)} ms, on ${server.url}, with ${database}`);
  const token = await loadOwnersToken(config.token, config.dataDir);
  const groundcrew = createGroundcrew({ url: server.url as string, token });
  parts.defer(() => groundcrew.close());

  // Awaited here: what was started is stopped when this function is left.
  return await Promise.race([watchOneTask(groundcrew, repositoryOf(given)), stopped]);
}

/** A path is one from where the command was given: npm itself goes to the project's folder. */
function repositoryOf(given: string | undefined): string {
  if (given === undefined) return resolve(import.meta.dirname, '../..');
  const isUrl = /^([a-z]+:\/\/|[^/]+:)/i.test(given);
  return isUrl ? given : resolve(process.env.INIT_CWD ?? '.', given);
}

async function watchOneTask(groundcrew: Groundcrew, repoUrl: string): Promise<number> {
  // Opens the connections, so that the next figure is that of createTask alone.
  await groundcrew.task('task_00000000000000000000000000');
  const asked = performance.now();
  const prompt = 'Leave a note in this repository that says hello';
  const { id } = await groundcrew.createTask({ repoUrl, prompt });
  const answered = performance.now();
  print(`createTask answered in ${Math.round(answered - asked)} ms: ${id}, on ${repoUrl}`);

  let status: Task['status'] | undefined;
  let printed: string | undefined;
  for await (const task of groundcrew.watchTask(id, { afterRevision: 0 })) {
    if (task.status !== status) print(`${`+${since(answered)}`.padStart(8)} ms  ${task.status}`);
    status = task.status;
    const failed = task.steps.find(({ state, nextAttemptAt }) => state === 'FAILED' && nextAttemptAt);
    const failure = failed && `${failed.name}, try ${failed.attempt}: ${failed.error?.message}`;
    if (failure && failure !== printed) print(`${''.padStart(12)} ${failure}`);
    printed = failure ?? printed;
    if (status === 'RUNNING') {
      print(`branch    ${task.branchName}`);
      print(`checkout  ${task.sandbox?.cwd}`);
      print(`session   ${task.sessions[0]?.id} with agent ${task.agent}: ${task.sessions[0]?.status}`);
      await groundcrew.archiveTask(id);
    } else if (status === 'ERROR') {
      process.stderr.write(`demo: ${task.error?.code} at ${task.error?.step}: ${task.error?.message}\n`);
      if (!task.sandbox) return 1;
      await groundcrew.cancelTask(id);
    } else if ((status === 'ARCHIVED' || status === 'CANCELED') && !task.sandbox) {
      print('the sandbox is removed');
      return status === 'ARCHIVED' ? 0 : 1;
    }
  }
  throw new Error('the subscription has ended');
}

/** So that it can run beside a server, and leaves nothing behind. */
async function createTempDataDir(parts: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-demo-'));
  parts.defer(async () => {
    // The database lies elsewhere when its own user can't enter the folder.
    const database = await realpath(join(folder, 'postgres')).catch(() => folder);
    for (const path of [database, folder]) await rm(path, { recursive: true, force: true });
  });
  return folder;
}

function since(start: number): number {
  return Math.round(performance.now() - start);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
