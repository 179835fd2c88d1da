import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { givenRepository, workingFolder } from '../given-repository.ts';
import { agents } from './agents.ts';
import { database } from './database.ts';
import type { CheckGroup, DoctorContext, Finding } from './finding.ts';
import { folders } from './folders.ts';
import { git } from './git.ts';
import { network } from './network.ts';
import { ports } from './ports.ts';
import { runtime } from './runtime.ts';
import { checkSettings } from './settings.ts';

const groups: readonly CheckGroup[] = [runtime, git, folders, database, ports, agents, network];

/**
 * Looks at everything that Groundcrew needs, and prints one line for each finding. Changes nothing. `given` is a repository to
 * look at: a path or URL. Returns the exit code: 1 when there is a problem.
 */
export async function doctor(given?: string): Promise<number> {
  const faults = { warning: 0, problem: 0 };
  const report = (finding: Finding) => {
    print(lineOf(finding));
    if (finding.level !== 'ok') faults[finding.level] += 1;
  };

  print('Settings');
  const settings = checkSettings(process.env);
  settings.findings.forEach(report);
  const { config } = settings;
  const own = config.allowLocalRepos ? await ownRepository() : undefined;
  const repository = given === undefined ? own : givenRepository(given);
  const context: DoctorContext = { config, env: process.env, repository };
  for (const { title, check } of groups) {
    print(`\n${title}`);
    for await (const finding of check(context)) report(finding);
  }
  print(`\n${count(faults.problem, 'problem')} and ${count(faults.warning, 'warning')}.`);
  return faults.problem > 0 ? 1 : 0;
}

/** The repository in the folder where the command was given. */
async function ownRepository(): Promise<string | undefined> {
  const folder = workingFolder();
  return (await stat(join(folder, '.git')).catch(() => undefined)) && folder;
}

function lineOf(finding: Finding): string {
  const level = finding.level.padEnd('problem'.length);
  return finding.level === 'ok'
    ? `  ${level}  ${finding.text}`
    : `  ${level}  ${finding.text} ${finding.remedy}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
