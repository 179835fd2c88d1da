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

/** What the operator's configuration says about the content of repositories. */
export interface OperatorConfig {
  /** The author of commits: the operator's, or ours, since git refuses to commit without one. */
  readonly user: { readonly name: string; readonly email: string };
  /** Filters between files and objects, such as `lfs`, each with its settings. */
  readonly filters: ReadonlyMap<string, ReadonlyArray<readonly [key: string, value: string]>>;
}

/** Reads the operator's own and the system's git configuration. */
export async function readOperatorConfig(): Promise<OperatorConfig> {
  const user = { name: 'Groundcrew', email: 'groundcrew@localhost' };
  const filters = new Map<string, Array<[string, string]>>();
  for (const [key, value] of await readConfig('^(user|filter)\\.')) {
    const [, filter = '', setting = ''] = /^filter\.(.*)\.([^.]*)$/s.exec(key) ?? [];
    if (setting !== '') filters.set(filter, [...(filters.get(filter) ?? []), [setting, value]]);
    else if (key === 'user.name' && value.trim() !== '') user.name = value.trim();
    else if (key === 'user.email' && value.trim() !== '') user.email = value.trim();
  }
  return { user, filters };
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
