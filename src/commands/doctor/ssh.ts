import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Finding, ok, warning } from './finding.ts';

const run = promisify(execFile);
const answerTimeoutMs = 5_000;

/**
 * Whether ssh can sign in without a person: the worker runs it in batch mode, in which a key with a passphrase counts only
 * when an ssh-agent holds it.
 */
export async function checkSsh(): Promise<Finding> {
  if ((await exitCode('ssh', ['-V'])) !== 0) {
    return warning('ssh cannot be run, so ssh repositories cannot be read.', 'Install an OpenSSH client.');
  }
  if (!(await knowsAnyHost())) {
    return warning(
      'ssh knows the key of no host, and a worker cannot answer when it asks whether a key is right.',
      'Connect once yourself (ssh -T git@HOST), or write the keys of your hosts into ~/.ssh/known_hosts.',
    );
  }
  if (process.env.SSH_AUTH_SOCK) {
    const code = await exitCode('ssh-add', ['-l']);
    if (code === 0) return ok('ssh signs in with the keys of your ssh-agent.');
    const what =
      code === 1 ? 'Your ssh-agent holds no key.' : 'Your ssh-agent (SSH_AUTH_SOCK) does not answer.';
    return warning(what, 'Run ssh-add in the session that starts the worker.');
  }
  const keys = await keyFiles();
  if (keys.length === 0) return ok('You have no ssh key: ssh repositories that need one cannot be read.');
  const usable = [];
  for (const key of keys) {
    // Reads the key with an empty passphrase. Changes nothing.
    if ((await exitCode('ssh-keygen', ['-y', '-P', '', '-f', key])) === 0) usable.push(key);
  }
  if (usable.length > 0) return ok(`ssh signs in with ${usable.join(', ')}.`);
  return warning(
    `Each of your ssh keys has a passphrase, and a worker cannot ask for it: ${keys.join(', ')}.`,
    'Run an ssh-agent, and ssh-add, in the session that starts the worker.',
  );
}

async function knowsAnyHost(): Promise<boolean> {
  const files = [join(homedir(), '.ssh', 'known_hosts'), '/etc/ssh/ssh_known_hosts'];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  return texts.some((text) => text.trim() !== '');
}

/** The keys that ssh tries by itself. */
async function keyFiles(): Promise<string[]> {
  const folder = join(homedir(), '.ssh');
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^id_[a-z0-9_]+$/.test(name)).map((name) => join(folder, name));
}

/** Undefined when the program cannot be run, or takes too long. */
async function exitCode(program: string, args: string[]): Promise<number | undefined> {
  try {
    await run(program, args, { timeout: answerTimeoutMs });
    return 0;
  } catch (error) {
    const { code } = error as { code?: unknown };
    return typeof code === 'number' ? code : undefined;
  }
}
