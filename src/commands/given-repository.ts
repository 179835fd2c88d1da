import { resolve } from 'node:path';

/** The repository that a user named on the command line. A path is relative to where the command was given. */
export function givenRepository(given: string): string {
  const isUrl = /^([a-z]+:\/\/|[^/]+:)/i.test(given);
  return isUrl ? given : resolve(workingFolder(), given);
}

/** Where the user gave the command: npm itself changes to the project's folder. */
export function workingFolder(): string {
  return resolve(process.env.INIT_CWD ?? '.');
}
