import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { LocalSandboxError } from './errors.ts';
import { currentProcess, type ProcessIdentity } from './processes.ts';

/** Where the things of one sandbox lie. Nothing here touches the disk. */
export interface SandboxPaths {
  readonly key: string;
  /** Everything of the sandbox. Also the mark by which its processes are known; see agent-environment.ts. */
  readonly root: string;
  readonly checkout: string;
  readonly home: string;
  readonly description: string;
  readonly agentServers: string;
  readonly agentLog: string;
  readonly sessions: string;
}

/** Keys become names of folders: one that could leave its folder, or be taken for an option, is refused. */
export function sandboxPaths(sandboxes: string, key: string): SandboxPaths {
  return pathsIn(key, join(sandboxes, safeName(key)));
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
    throw new LocalSandboxError('SANDBOX_FAILED', `Not a key: ${JSON.stringify(key).slice(0, 200)}`, {
      retryable: false,
    });
  }
  return key;
}

// Half-made and half-removed sandboxes lie beside the real ones as KEY~KIND~PID~START~NONCE. No key holds a tilde.

export async function transitionalName(key: string, kind: 'making' | 'removing'): Promise<string> {
  const { pid, start } = await currentProcess();
  return [key, kind, pid, start, randomBytes(6).toString('hex')].join('~');
}

export interface SandboxFolder {
  readonly name: string;
  readonly key: string;
  /** Set for a folder that is being made or removed: by whom. */
  readonly inProgress: { readonly kind: string; readonly by: ProcessIdentity } | undefined;
}

/** Reads a folder's name; undefined when it is none of ours. */
export function readFolderName(name: string): SandboxFolder | undefined {
  const [key = '', kind, pid, start] = name.split('~');
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(key)) return undefined;
  if (kind === undefined) return { name, key, inProgress: undefined };
  return { name, key, inProgress: { kind, by: { pid: Number(pid), start: start ?? '' } } };
}
