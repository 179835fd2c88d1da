import { access, constants, readFile, realpath, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chooseAccount } from '../../db/embedded/account.ts';
import { canEnter } from '../../db/embedded/shared-dir.ts';
import { type CheckGroup, type Finding, ok, problem, warning } from './finding.ts';

const gibibyte = 1024 ** 3;
/** The embedded database takes about 0.1 GiB, and each sandbox as much as its repository. */
const minFree = 0.5;
const comfortableFree = 2;

export const folders: CheckGroup = {
  title: 'Folders',
  async *check({ config }) {
    const { dataDir } = config;
    const existing = await nearestExisting(dataDir);
    const writable = await checkWritable(dataDir, existing);
    yield writable;
    if (writable.level === 'problem') return;
    yield await checkFreeSpace(existing);
    if (config.providers.includes('local') && process.platform === 'linux')
      yield await checkExecutable(existing);
    if (config.token === undefined)
      yield* checkTokenFile(join(dataDir, 'token'), await modeOf(join(dataDir, 'token')));
    if (config.databaseUrl === undefined)
      yield* checkEntry(existing === dataDir ? dirname(dataDir) : existing);
    yield await checkTemporary();
  },
};

async function checkWritable(dataDir: string, existing: string): Promise<Finding> {
  const remedy =
    'Set GROUNDCREW_DATA_DIR to a folder that this user may write to, or change the rights of that one.';
  try {
    if (!(await stat(existing)).isDirectory()) return problem(`${existing} is not a folder.`, remedy);
    await access(existing, constants.W_OK | constants.X_OK);
  } catch {
    return problem(
      `The data folder ${dataDir} cannot be written: ${existing} is not open to this user.`,
      remedy,
    );
  }
  return ok(
    existing === dataDir ? `The data folder is ${dataDir}.` : `The data folder ${dataDir} will be made.`,
  );
}

async function checkFreeSpace(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = (bavail * bsize) / gibibyte;
  const text = `The data folder's disk has ${free.toFixed(1)} GiB free.`;
  if (free >= comfortableFree) return ok(text);
  const make = free >= minFree ? warning : problem;
  return make(text, 'Make room, or set GROUNDCREW_DATA_DIR to another disk.');
}

/** Sandboxes contain programs: the launchers of agents, and what agents build. */
async function checkExecutable(folder: string): Promise<Finding> {
  const { point, options } = mountOf(await realpath(folder), await readFile('/proc/self/mountinfo', 'utf8'));
  if (!options.includes('noexec')) return ok('Programs can be executed in the data folder.');
  return problem(
    `The data folder is on ${point}, which is mounted with noexec: agents cannot be started there.`,
    'Set GROUNDCREW_DATA_DIR to a folder on another file system.',
  );
}

/** The mount with the longest path that contains the folder; later mounts hide earlier ones. */
function mountOf(folder: string, mountinfo: string): { point: string; options: string[] } {
  let found = { point: '/', options: [] as string[] };
  for (const line of mountinfo.split('\n')) {
    const [, , , , path, options] = line.split(' ');
    if (path === undefined || options === undefined) continue;
    const point = path.replace(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const contains = folder === point || folder.startsWith(point === '/' ? '/' : `${point}/`);
    if (contains && point.length >= found.point.length) found = { point, options: options.split(',') };
  }
  return found;
}

function* checkTokenFile(file: string, mode: number | undefined): Generator<Finding> {
  if (mode === undefined) return;
  if ((mode & 0o077) === 0) yield ok(`The token in ${file} can be read by its owner only.`);
  else yield warning(`The token in ${file} can be read by other users.`, `Run chmod 600 ${file}.`);
}

/** As root PostgreSQL runs as another user, which must be able to enter every parent of its files. */
async function* checkEntry(folder: string): AsyncGenerator<Finding> {
  if (process.getuid?.() !== 0) return;
  // The data folder itself is opened to the account when it is root's alone.
  const account = await chooseAccount(undefined).catch(() => undefined);
  if (account === undefined) {
    yield problem(
      'This is root, and no user was found that PostgreSQL can run as.',
      'Add a user postgres, run as a normal user, or set DATABASE_URL.',
    );
  } else if (await canEnter(account, folder)) {
    yield ok(`As root PostgreSQL runs as user ${account.name}, which can enter ${folder}.`);
  } else {
    yield ok(
      `As root PostgreSQL runs as user ${account.name}, which cannot enter ${folder}: its files are kept under /var/lib/groundcrew.`,
    );
  }
}

async function checkTemporary(): Promise<Finding> {
  const folder = tmpdir();
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return ok(`The folder for temporary files is ${folder}.`);
  } catch (error) {
    return problem(
      `${folder} cannot be written: ${(error as Error).message}.`,
      'Set TMPDIR to a folder that can be.',
    );
  }
}

async function modeOf(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.mode;
}

/** The folder, or the nearest parent that can be seen. */
async function nearestExisting(folder: string): Promise<string> {
  const exists = await stat(folder).catch(() => undefined);
  return exists || folder === dirname(folder) ? folder : nearestExisting(dirname(folder));
}
