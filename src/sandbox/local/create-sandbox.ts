import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { toGitAddress } from '../../git/git-address.ts';
import { readOperatorConfig } from '../../git/git-config.ts';
import { listRemote, resolveBaseRef } from '../../git/remote.ts';
import { InvalidBranchError } from '../../git/repository-errors.ts';
import { isAlive } from '../../process-identity.ts';
import { redact } from '../../redact.ts';
import { isBranchName } from '../../repository/branch-name.ts';
import type { CreateSandboxRequest, SandboxRef, StepContext } from '../provider.ts';
import { type CheckoutRequest, makeCheckout } from './checkout/checkout.ts';
import { isDamage, Mirror } from './checkout/mirror.ts';
import { destroySandbox } from './destroy-sandbox.ts';
import { sandboxGone } from './errors.ts';
import { exists, type LocalFolders, rmOptions, transitionalFolders } from './folders.ts';
import { markersEnvironment } from './processes.ts';
import { makeHome } from './sandbox-home.ts';
import { localSandbox, pathsIn, type SandboxPaths, transitionalName } from './sandbox-paths.ts';

/** The content of `sandbox.json`. */
export interface SandboxDescription {
  readonly key: string;
  readonly taskId: string;
  readonly repoUrl: string;
  readonly branch: string;
  readonly baseRef: string | null;
  readonly createdAt: string;
}

/**
 * Builds the sandbox under a temporary name and then renames it to its key, so that it exists whole or not at all. Of
 * several calls with the same key, at once or after a crash, one makes the sandbox and the others return it.
 */
export async function createSandbox(
  folders: LocalFolders,
  request: CreateSandboxRequest,
  context: StepContext,
): Promise<SandboxRef> {
  const paths = localSandbox(folders, request.key);
  const address = toGitAddress(request.repoUrl, { allowLocal: folders.allowLocalRepos });
  if (!isBranchName(request.branch)) {
    throw new InvalidBranchError(
      `Git accepts no branch of the name ${JSON.stringify(request.branch).slice(0, 300)}.`,
    );
  }
  await removeAbandoned(folders, paths, context);
  if (await exists(paths.description)) {
    context.log('The sandbox exists already.');
    return refOf(paths);
  }

  // Made before anything else, so that a call that destroys the sandbox meanwhile finds it and moves it away; then the
  // rename below fails.
  const draft = pathsIn(request.key, join(folders.sandboxes, await transitionalName(request.key, 'making')));
  await mkdir(draft.root, { recursive: true, mode: 0o700 });
  try {
    const { signal } = context;
    context.log(`Looking at ${redact(request.repoUrl)}`);
    const remote = await listRemote(request.repoUrl, { allowLocal: folders.allowLocalRepos, signal });
    const start = remote.branches.has(request.branch) ? '' : resolveBaseRef(remote, request.baseRef);
    const operator = await readOperatorConfig();
    const checkout: CheckoutRequest = {
      folder: draft.root,
      name: basename(draft.checkout),
      address,
      remote,
      operator,
      mirror: new Mirror(folders.mirrors, address, remote.objectFormat),
      repair: false,
      branch: request.branch,
      start,
      env: markersEnvironment(paths.marker),
      signal,
      log: (line) => context.log(line),
    };
    context.log(`Checking out ${request.branch}`);
    try {
      await makeCheckout(checkout);
    } catch (error) {
      if (!isDamage(error)) throw error;
      context.log('The copy of the repository on this machine is damaged. All of it is fetched again.');
      await rm(draft.checkout, rmOptions);
      await makeCheckout({ ...checkout, repair: true });
    }
    await makeHome(draft.home, address, operator);
    const description: SandboxDescription = { ...describe(request), createdAt: new Date().toISOString() };
    await writeFile(draft.description, `${JSON.stringify(description, null, 2)}\n`, { mode: 0o600 });
    signal.throwIfAborted();
    await rename(draft.root, paths.root);
  } catch (error) {
    if (context.signal.aborted) throw context.signal.reason;
    if (await exists(paths.description)) return refOf(paths); // another call was faster
    if (!(await exists(draft.root))) throw sandboxGone(request.key);
    throw error;
  } finally {
    await rm(draft.root, rmOptions).catch(() => {}); // the next call for this key tries again
  }
  return refOf(paths);
}

function describe({ key, taskId, repoUrl, branch, baseRef }: CreateSandboxRequest) {
  return { key, taskId, repoUrl: redact(repoUrl), branch, baseRef };
}

function refOf(paths: SandboxPaths): SandboxRef {
  return { id: paths.key, cwd: paths.checkout };
}

/** Completes or removes what was left by earlier calls for this key whose processes have died. */
async function removeAbandoned(
  folders: LocalFolders,
  paths: SandboxPaths,
  context: StepContext,
): Promise<void> {
  const isWhole = await exists(paths.description);
  // A process that was still ending when the sandbox was removed may have created its folder again.
  if (!isWhole && (await exists(paths.root))) await destroySandbox(folders, paths.key, context.signal);
  for (const { name, inProgress } of await transitionalFolders(folders, paths.key)) {
    if (inProgress === undefined || (await isAlive(inProgress.by))) continue;
    // Processes of a half-removed sandbox may still run, and carry the same marker as those of the new one.
    if (inProgress.kind === 'removing' && !isWhole) await destroySandbox(folders, paths.key, context.signal);
    await rm(join(folders.sandboxes, name), rmOptions).catch(() => {});
  }
}
