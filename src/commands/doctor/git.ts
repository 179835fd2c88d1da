import { runGit } from '../../git/git.ts';
import { GitError } from '../../git/git-error.ts';
import { listRemote } from '../../git/remote.ts';
import { redact } from '../../redact.ts';
import { type CheckGroup, type DoctorContext, type Finding, ok, problem, warning } from './finding.ts';
import { checkSsh } from './ssh.ts';

const minVersion = [2, 31] as const;
/** A credential helper that has not answered by then waits for a person. */
const helperTimeoutMs = 5_000;

export const git: CheckGroup = {
  title: 'Git',
  async *check(context) {
    const version = await checkVersion();
    yield version;
    if (version.level === 'problem') return;
    yield await checkIdentity();
    yield await checkCredentialHelper();
    yield await checkSsh();
    if (context.repository !== undefined) yield await checkRepository(context.repository, context.config);
  },
};

async function checkVersion(): Promise<Finding> {
  let text: string;
  try {
    text = await runGit(['--version']);
  } catch (error) {
    return problem(`Git cannot be run: ${messageOf(error)}.`, 'Install git, or add its folder to PATH.');
  }
  const [version = text.trim(), major, minor] = /(\d+)\.(\d+)[\w.]*/.exec(text) ?? [];
  const isOld =
    Number(major) < minVersion[0] || (Number(major) === minVersion[0] && Number(minor) < minVersion[1]);
  return isOld
    ? problem(`Git ${version} is too old.`, `Install ${minVersion.join('.')} or later.`)
    : ok(`Git ${version} is in PATH.`);
}

/** Agents commit under the identity of the user who runs the worker, if git knows it. */
async function checkIdentity(): Promise<Finding> {
  const [name, email] = [await readSetting('user.name'), await readSetting('user.email')];
  if (name && email) return ok(`Agents commit as ${name} <${email}>.`);
  return warning(
    'Git does not know your name and address, so agents commit under the name Groundcrew.',
    'Set both with git config --global user.name NAME and user.email ADDRESS.',
  );
}

/** Asks the helpers for a host that does not exist, under the rules of the worker: no terminal, no window. */
async function checkCredentialHelper(): Promise<Finding> {
  const helpers = await readSetting('credential.helper');
  try {
    await runGit(['credential', 'fill'], {
      input: 'protocol=https\nhost=groundcrew-doctor.invalid\n\n',
      timeoutMs: helperTimeoutMs,
    });
  } catch (error) {
    if (error instanceof GitError && error.failure === 'timeout') {
      return problem(
        `The credential helper ${redact(helpers)} waits for a person, and a worker has none.`,
        'Configure one that answers by itself, such as store or cache (git config credential.helper).',
      );
    }
  }
  return helpers
    ? ok(`The credential helper ${redact(helpers)} answers without asking a person.`)
    : ok('No credential helper is configured: https repositories that ask for a password cannot be read.');
}

async function checkRepository(url: string, { allowLocalRepos }: DoctorContext['config']): Promise<Finding> {
  try {
    const { branches } = await listRemote(url, { allowLocal: allowLocalRepos });
    return ok(`The repository ${redact(url)} can be read: ${branches.size} branches.`);
  } catch (error) {
    return problem(
      `The repository ${redact(url)} cannot be read: ${messageOf(error)}`,
      'Check that git ls-remote reads it as this user, without asking anything.',
    );
  }
}

/** Empty when the setting is not set. */
async function readSetting(name: string): Promise<string> {
  return (await runGit(['config', '--get', name]).catch(() => '')).trim();
}

function messageOf(error: unknown): string {
  return redact(error instanceof Error ? error.message : String(error));
}
