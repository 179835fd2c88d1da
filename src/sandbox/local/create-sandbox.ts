import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toGitAddress } from '../../git/git-address.ts';
import { listRemote, resolveBaseRef } from '../../git/remote.ts';
import { InvalidBranchError } from '../../git/repository-errors.ts';
import { redact } from '../../redact.ts';
import { isBranchName } from '../../repository/branch-name.ts';
import type { CreateSandboxRequest, SandboxRef, StepContext } from '../provider.ts';
import { makeCheckout } from './checkout/checkout.ts';
import { updateMirror } from './checkout/mirror.ts';
import { destroySandbox } from './destroy-sandbox.ts';
import { sandboxGone } from './errors.ts';
import { exists, type LocalFolders, rmOptions, transitionalFolders } from './folders.ts';
import { isAlive, sandboxEnvVar } from './processes.ts';
import { pathsIn, type SandboxPaths, sandboxPaths, transitionalName } from './sandbox-paths.ts';

/** What `sandbox.json` says. */
export interface SandboxDescription {
  readonly key: string;
  readonly taskId: string;
  readonly repoUrl: string;
  readonly branch: string;
  readonly baseRef: string | null;
  readonly createdAt: string;
}

/**
 * Builds the sandbox under a name of its own and then renames it to its key's: there is all of it or nothing, and of
 * two calls at once, or one that comes after a crash, the second finds the first one's and drops its own.
 */
export async function createSandbox(
  folders: LocalFolders,
  request: CreateSandboxRequest,
  context: StepContext,
): Promise<SandboxRef> {
  const paths = sandboxPaths(folders.sandboxes, request.key);
  const address = toGitAddress(request.repoUrl, { allowLocal: folders.allowLocalRepos });
  if (!isBranchName(request.branch)) {
    throw new InvalidBranchError(
      `Git takes no branch of the name ${JSON.stringify(request.branch).slice(0, 300)}.`,
    );
  }
  await removeAbandoned(folders, paths, context);
  if (await exists(paths.description)) {
    context.log('The sandbox exists already.');
    return refOf(paths);
  }

  // The folder comes before anything else: whoever destroys the sandbox meanwhile sees it and takes it away, and the
  // rename below then fails.
  const draft = pathsIn(request.key, join(folders.sandboxes, await transitionalName(request.key, 'making')));
  await mkdir(draft.root, { recursive: true, mode: 0o700 });
  try {
    const { signal } = context;
    context.log(`Looking at ${redact(request.repoUrl)}`);
    const remote = await listRemote(request.repoUrl, { allowLocal: folders.allowLocalRepos, signal });
    const start = remote.branches.has(request.branch) ? '' : resolveBaseRef(remote, request.baseRef);
    const mirror = await updateMirror(folders.mirrors, address, remote, signal);
    context.log(`Checking out ${request.branch}`);
    const env = { [sandboxEnvVar]: paths.root };
    const { branch } = request;
    await makeCheckout({
      folder: draft.root,
      name: 'checkout',
      address,
      remote,
      mirror,
      branch,
      start,
      env,
      signal,
    });
    const description: SandboxDescription = { ...describe(request), createdAt: new Date().toISOString() };
    await writeFile(draft.description, `${JSON.stringify(description, null, 2)}\n`, { mode: 0o600 });
    signal.throwIfAborted();
    await rename(draft.root, paths.root);
  } catch (error) {
    if (context.signal.aborted) throw context.signal.reason;
    if (await exists(paths.description)) return refOf(paths); // another call was quicker
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

/** Finishes or removes what calls for this key had begun whose processes have died. */
async function removeAbandoned(
  folders: LocalFolders,
  paths: SandboxPaths,
  context: StepContext,
): Promise<void> {
  const isWhole = await exists(paths.description);
  // What ran when the sandbox was removed may have written a folder anew on its way out.
  if (!isWhole && (await exists(paths.root))) await destroySandbox(folders, paths.key, context.signal);
  for (const { name, inProgress } of await transitionalFolders(folders, paths.key)) {
    if (inProgress === undefined || (await isAlive(inProgress.by))) continue;
    // Of a half-removed sandbox things may still run, marked like those of the one that is about to be made.
    if (inProgress.kind === 'removing' && !isWhole) await destroySandbox(folders, paths.key, context.signal);
    await rm(join(folders.sandboxes, name), rmOptions).catch(() => {});
  }
}
