import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RepoAddress } from '../../git/git-address.ts';
import { configSection, type OperatorConfig } from '../../git/git-config.ts';
import { safeDirectoryConfig } from '../../git/repository-access.ts';

/**
 * Makes the home folder of what runs in the sandbox, with the git configuration that the checkout needs there:
 *
 * - its remote as a safe directory, because git refuses a repository on this machine that another user owns
 * - the operator's filters, such as Git LFS, because they were applied to the files of the checkout; without them, a
 *   commit would contain the files as they are
 * - how the operator connects to remotes, so that the agent can fetch and push
 */
export async function makeHome(home: string, address: RepoAddress, operator: OperatorConfig): Promise<void> {
  await mkdir(home, { mode: 0o700 });
  const config = [...operator.filters].map(([filter, settings]) => configSection('filter', filter, settings));
  if (address.localPath !== undefined) config.push(await safeDirectoryConfig(address.localPath));
  config.push(operator.connection);
  // Headers of http may be credentials.
  await writeFile(join(home, '.gitconfig'), config.join(''), { mode: 0o600 });
}
