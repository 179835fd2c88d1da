import { randomBytes } from 'node:crypto';
import { access, chmod, constants, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverAgentId } from './agents.ts';

const dataFolder = process.platform === 'darwin' ? 'Library/Application Support' : '.local/share';

/** Where sandbox-agent keeps the programs of agents, in the home of its user, unless XDG_DATA_HOME is set. */
const programsFolder = `${dataFolder}/sandbox-agent/bin`;

/** The file system of the home allows no programs to be executed: it is mounted with `noexec`, or knows no such permission. */
export class NotExecutableError extends Error {
  override readonly name = 'NotExecutableError';
}

/** Where it looks for the launchers of agents. */
export const launchersFolder = `${programsFolder}/agent_processes`;

/**
 * Puts the agent's launcher where an agent server with this home finds it: our own for `demo`; a link for an agent that was
 * installed for the user of this process (`sandbox-agent install-agent`). The server itself finds agents in PATH. Installs
 * nothing. `home` must exist. Throws NotExecutableError when our own launcher cannot be executed there.
 */
export async function placeLauncher(home: string, agent: string): Promise<void> {
  const id = serverAgentId(agent);
  // Not `recursive`: that would make the home again after its sandbox was destroyed.
  let folder = home;
  for (const name of launchersFolder.split('/')) {
    folder = join(folder, name);
    await mkdir(folder, { mode: 0o700 }).catch(ignoreExisting);
  }
  if (agent === 'demo') await writeDemoLauncher(join(folder, `${id}-acp`));
  else {
    await linkInstalled(join(folder, `${id}-acp`), join('agent_processes', `${id}-acp`));
    await linkInstalled(join(dirname(folder), id), id);
  }
}

async function writeDemoLauncher(path: string): Promise<void> {
  const main = fileURLToPath(new URL('./demo/main.ts', import.meta.url));
  const cache = fileURLToPath(new URL('../../node_modules/.cache/node', import.meta.url));
  // Without the cache each start compiles the agent again, which is half of the wait for its first answer.
  const script = `#!/bin/sh
NODE_COMPILE_CACHE=${quote(cache)} exec ${quote(process.execPath)} --disable-warning=ExperimentalWarning ${quote(main)}
`;
  if ((await readFile(path, 'utf8').catch(() => undefined)) !== script) {
    const draft = `${path}~${randomBytes(6).toString('hex')}`;
    await writeFile(draft, script);
    await chmod(draft, 0o755);
    await rename(draft, path);
  }
  await access(path, constants.X_OK).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EACCES') throw new NotExecutableError(`${path} cannot be executed.`, { cause });
  });
}

async function linkInstalled(path: string, program: string): Promise<void> {
  const data = process.env.XDG_DATA_HOME || join(homedir(), dataFolder);
  const installed = join(data, 'sandbox-agent', 'bin', program);
  try {
    await access(installed);
  } catch {
    return;
  }
  await symlink(installed, path).catch(ignoreExisting);
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
