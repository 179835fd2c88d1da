import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Makes a repository with one commit in that folder, and returns its path. */
export function createRepository(dataDir: string): string {
  const path = join(dataDir, 'repository');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.com', ...args]);
  git('init', '--quiet', '--initial-branch=main', path);
  git('-C', path, 'commit', '--quiet', '--allow-empty', '--message', 'Begin');
  return path;
}
