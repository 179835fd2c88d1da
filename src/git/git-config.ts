import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { runGit } from './git.ts';

/**
 * One section of a git configuration file, as text to write or append. `subsection` and values may be any text without a
 * null character; `subsection` also without a line break.
 */
export function configSection(
  section: string,
  subsection: string | null,
  entries: ReadonlyArray<readonly [key: string, value: string]>,
): string {
  const heading = subsection === null ? `[${section}]` : `[${section} ${quote(subsection)}]`;
  return [heading, ...entries.map(([key, value]) => `\t${key} = ${quote(value)}`), ''].join('\n');
}

function quote(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}

/** What the operator's configuration says about the content of repositories, and how to reach them. */
export interface OperatorConfig {
  /** The author of commits: the operator's, or ours, since git refuses to commit without one. */
  readonly user: { readonly name: string; readonly email: string };
  /** Filters between files and objects, such as `lfs`, each with its settings. */
  readonly filters: ReadonlyMap<string, ReadonlyArray<readonly [key: string, value: string]>>;
  /** How to connect and with which credentials, as text of a configuration file that works in another home folder, too. */
  readonly connection: string;
}

const connectionKey = /^(core\.sshcommand|ssh\.variant|http\..+|credential\..+|url\..+\.(push)?insteadof)$/s;

/** Reads the operator's own and the system's git configuration. */
export async function readOperatorConfig(): Promise<OperatorConfig> {
  const user = { name: 'Groundcrew', email: 'groundcrew@localhost' };
  const filters = new Map<string, Array<[string, string]>>();
  const connection: string[] = [];
  for (const [key, value] of await readConfig('^(user|filter|core|ssh|http|credential|url)\\.')) {
    const [, filter = '', setting = ''] = /^filter\.(.*)\.([^.]*)$/s.exec(key) ?? [];
    if (setting !== '') filters.set(filter, [...(filters.get(filter) ?? []), [setting, value]]);
    else if (connectionKey.test(key)) connection.push(connectionSection(key, value));
    else if (key === 'user.name' && value.trim() !== '') user.name = value.trim();
    else if (key === 'user.email' && value.trim() !== '') user.email = value.trim();
  }
  return { user, filters, connection: connection.join('') };
}

function connectionSection(key: string, value: string): string {
  const [, section = '', subsection = null, name = ''] = /^([^.]*)(?:\.(.*))?\.([^.]*)$/s.exec(key) ?? [];
  const isHelper = section === 'credential' && name === 'helper' && value !== '';
  return configSection(section, subsection, [[name, isHelper ? helperAtHome(value) : withHome(value)]]);
}

/** The tilde is the home folder of the user who runs git. */
function withHome(value: string): string {
  return value.replace(/(^|[\s=])~(?=\/)/g, (_, before: string) => `${before}${homedir()}`);
}

/** The helper as git runs it (gitcredentials(7)), in the operator's home, where helpers keep what they know. */
function helperAtHome(helper: string): string {
  const isProgram = isAbsolute(helper) || helper.startsWith('~/');
  const command = helper.startsWith('!') ? helper.slice(1) : isProgram ? helper : `git credential-${helper}`;
  const home = homedir();
  const folders = {
    HOME: home,
    XDG_CONFIG_HOME: process.env.XDG_CONFIG_HOME || join(home, '.config'),
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(home, '.cache'),
    XDG_DATA_HOME: process.env.XDG_DATA_HOME || join(home, '.local', 'share'),
  };
  const variables = Object.entries(folders).map(([name, folder]) => `${name}=${quoteForShell(folder)}`);
  return `!env ${variables.join(' ')} sh -c ${quoteForShell(`${command} "$@"`)} sh`;
}

function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function readConfig(pattern: string): Promise<Array<[key: string, value: string]>> {
  // Git fails when no key matches.
  const entries = await runGit(['config', '-z', '--get-regexp', pattern]).catch(() => '');
  return entries
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const end = entry.indexOf('\n');
      return end < 0 ? [entry, 'true'] : [entry.slice(0, end), entry.slice(end + 1)];
    });
}
