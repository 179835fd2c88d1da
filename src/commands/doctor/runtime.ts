import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Config } from '../../config.ts';
import { type CheckGroup, type Finding, ok, problem, warning } from './finding.ts';

const minNode = 24;

export const runtime: CheckGroup = {
  title: 'Node and this process',
  async *check({ config }) {
    yield checkNode(process.versions.node);
    yield checkPlatform(process.platform, process.arch);
    yield checkUser(config);
    if (process.platform === 'linux') yield await checkInit();
  },
};

function checkNode(version: string): Finding {
  if (Number.parseInt(version, 10) >= minNode) return ok(`Node ${version} runs.`);
  return problem(
    `Node ${version} runs, and ${minNode} or later is needed.`,
    `Run npm ci with optional dependencies, which installs it on Linux, or install Node ${minNode}.`,
  );
}

function checkPlatform(platform: string, arch: string): Finding {
  if (platform === 'linux' || platform === 'darwin') return ok(`The system is ${platform} on ${arch}.`);
  return problem(`The system is ${platform}, which is not supported.`, 'Use Linux or macOS.');
}

/** The embedded PostgreSQL does not run as a user without an entry in passwd. */
function checkUser({ databaseUrl }: Config): Finding {
  try {
    const { username, uid, homedir } = userInfo();
    return ok(`The user is ${username} (${uid}), with the home ${homedir}.`);
  } catch {
    const text = `User ${process.getuid?.()} has no entry in /etc/passwd`;
    if (!process.env.HOME) return problem(`${text}, and HOME is not set.`, 'Set HOME to a folder.');
    if (databaseUrl !== undefined) return ok(`${text}, and needs none with DATABASE_URL.`);
    return problem(`${text}.`, 'Add one, run as another user, or set DATABASE_URL.');
  }
}

/** The processes that an agent leaves behind become children of process 1. Node as process 1 never collects their exit. */
async function checkInit(): Promise<Finding> {
  const first = (await readFile('/proc/1/comm', 'utf8').catch(() => '')).trim();
  if (!/^(node|npm)\b/.test(first)) return ok('Process 1 collects the processes that agents leave behind.');
  return warning(
    `Process 1 is ${first}: what agents leave behind stays in the process table for ever.`,
    'Start the container with an init process (docker run --init).',
  );
}
