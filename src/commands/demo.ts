import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onShutdownSignal } from '../app/shutdown-signals.ts';
import { startGroundcrew } from '../app/start.ts';
import { untilAborted } from '../app/until-aborted.ts';
import { createGroundcrew, type Groundcrew, type Task } from '../client/client.ts';
import { type Config, loadConfig } from '../config.ts';
import { createLogger, type Logger } from '../log.ts';
import { loadOwnersToken } from '../server/auth/token.ts';
import { findDemoRepository } from './demo-repository.ts';
import { printTranscript } from './print-transcript.ts';

/** Milliseconds that the demo waits for the end of the agent's turn. */
const maxTurnMs = 15_000;

/**
 * The main job from end to end: starts the server, creates a task on the repository (see `findDemoRepository`), prints each
 * status and what the agent says, and removes what it made. Returns the exit code: 0 when the task was RUNNING.
 */
export async function demo(given?: string): Promise<number> {
  await using parts = new AsyncDisposableStack();
  const repository = await findDemoRepository(given, parts);
  const dataDir = process.env.GROUNDCREW_DATA_DIR ?? (await createTempDataDir(parts));
  const config = loadConfig({ LOG_LEVEL: 'error', ...process.env, GROUNDCREW_DATA_DIR: dataDir, PORT: '0' });
  const logger = createLogger(config.logLevel);
  const shutdown = onShutdownSignal(logger);
  try {
    return await runDemo(config, logger, repository, parts, shutdown);
  } catch (error) {
    if (!shutdown.aborted) throw error;
    print('The demo was stopped by a signal.');
    return 1;
  }
}

async function runDemo(
  config: Config,
  logger: Logger,
  repository: string,
  parts: AsyncDisposableStack,
  shutdown: AbortSignal,
): Promise<number> {
  const started = performance.now();
  const server = await startGroundcrew('start', config, logger, shutdown);
  parts.defer(() => server.stop());
  const database = config.databaseUrl === undefined ? 'a PostgreSQL of its own' : 'your PostgreSQL';
  print(`groundcrew is up after ${since(started)} ms, on ${server.url}, with ${database}`);
  const token = await loadOwnersToken(config.token, config.dataDir);
  const groundcrew = createGroundcrew({ url: server.url as string, token });
  parts.defer(() => groundcrew.close());

  return untilAborted(watchOneTask(groundcrew, repository), shutdown);
}

async function watchOneTask(groundcrew: Groundcrew, repoUrl: string): Promise<number> {
  // Opens the connections first, so that the next figure is of createTask alone.
  await groundcrew.task('task_00000000000000000000000000');
  const asked = performance.now();
  const prompt = 'Leave a note in this repository that says hello';
  const { id, sessions } = await groundcrew.createTask({ repoUrl, prompt });
  const answered = performance.now();
  print(`createTask answered in ${Math.round(answered - asked)} ms: ${id}, on ${repoUrl}`);

  const leaving = new AbortController();
  const transcript = printTranscript(groundcrew, sessions[0]?.id as string, print, leaving.signal);
  // Where nobody waits for it yet, a failure must not end the process.
  transcript.catch(() => {});

  let status: Task['status'] | undefined;
  let printed: string | undefined;
  for await (const task of groundcrew.watchTask(id, { afterRevision: 0 })) {
    if (task.status !== status) print(`${`+${since(answered)}`.padStart(8)} ms  ${task.status}`);
    status = task.status;
    const failed = task.steps.find(({ state, nextAttemptAt }) => state === 'FAILED' && nextAttemptAt);
    const failure = failed && `${failed.name}, attempt ${failed.attempt}: ${failed.error?.message}`;
    if (failure && failure !== printed) print(`${''.padStart(12)} ${failure}`);
    printed = failure ?? printed;
    if (status === 'RUNNING') {
      print(`branch    ${task.branchName}`);
      print(`checkout  ${task.sandbox?.cwd}`);
      print(`session   ${task.sessions[0]?.id} with agent ${task.agent}: ${task.sessions[0]?.status}`);
      // An agent may take longer than anybody wants to watch a demo.
      const timer = setTimeout(() => leaving.abort(), maxTurnMs);
      await transcript;
      clearTimeout(timer);
      await groundcrew.archiveTask(id);
    } else if (status === 'ERROR') {
      leaving.abort();
      process.stderr.write(`demo: ${task.error?.code} at ${task.error?.step}: ${task.error?.message}\n`);
      if (!task.sandbox) return 1;
      await groundcrew.cancelTask(id);
    } else if ((status === 'ARCHIVED' || status === 'CANCELED') && !task.sandbox) {
      print('the sandbox is removed');
      return status === 'ARCHIVED' ? 0 : 1;
    }
  }
  throw new Error('The subscription ended before the task did.');
}

/** A data folder of the demo's own: it can run while a server does, and leaves nothing behind. */
async function createTempDataDir(parts: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-demo-'));
  parts.defer(async () => {
    // A link to somewhere else, if the database's own user cannot enter the folder.
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
