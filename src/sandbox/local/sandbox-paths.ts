import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { currentProcess, type ProcessIdentity } from '../../process-identity.ts';
import { LocalSandboxError } from './errors.ts';
import { sandboxMarker } from './processes.ts';

/** The paths of one sandbox. Nothing in this file touches the disk. */
export interface SandboxPaths {
  readonly key: string;
  readonly root: string;
  readonly checkout: string;
  readonly home: string;
  readonly description: string;
  readonly agentServers: string;
  readonly agentLog: string;
  readonly sessions: string;
}

/** The sandbox of `key`. */
export interface LocalSandbox extends SandboxPaths {
  /** What every process of the sandbox has in its environment; see processes.ts. It stays when the data folder is moved. */
  readonly marker: string;
}

/** Throws when the key is no safe name of a folder: it could leave the folder, or be taken for an option. */
export function localSandbox(
  folders: { readonly sandboxes: string; readonly location: string },
  key: string,
): LocalSandbox {
  const paths = pathsIn(key, join(folders.sandboxes, safeName(key)));
  return { ...paths, marker: sandboxMarker(folders.location, key) };
}

export function pathsIn(key: string, root: string): SandboxPaths {
  return {
    key,
    root,
    checkout: join(root, 'checkout'),
    home: join(root, 'home'),
    description: join(root, 'sandbox.json'),
    agentServers: join(root, 'agent-servers'),
    agentLog: join(root, 'agent-server.log'),
    sessions: join(root, 'sessions'),
  };
}

export function safeName(key: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(key)) {
    throw new LocalSandboxError(
      'SANDBOX_FAILED',
      `The sandbox key ${JSON.stringify(key).slice(0, 200)} is not valid.`,
      {
        retryable: false,
      },
    );
  }
  return key;
}

// A sandbox that is being made or removed has a folder KEY~KIND~PID~START~NONCE in the same folder as the finished ones.
// Keys contain no tilde.

export async function transitionalName(key: string, kind: 'making' | 'removing'): Promise<string> {
  const { pid, start } = await currentProcess();
  return [key, kind, pid, start, randomBytes(6).toString('hex')].join('~');
}

export interface SandboxFolder {
  readonly name: string;
  readonly key: string;
  /** Set for a folder that is being made or removed: `by` is the process that does it. */
  readonly inProgress: { readonly kind: string; readonly by: ProcessIdentity } | undefined;
}

/** Parses a folder's name; undefined when it is not the name of a sandbox's folder. */
export function readFolderName(name: string): SandboxFolder | undefined {
  const [key = '', kind, pid, start] = name.split('~');
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(key)) return undefined;
  if (kind === undefined) return { name, key, inProgress: undefined };
  return { name, key, inProgress: { kind, by: { pid: Number(pid), start: start ?? '' } } };
}
