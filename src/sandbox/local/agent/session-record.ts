import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sandboxGone } from '../errors.ts';
import { claim, readClaim } from '../exclusive-file.ts';
import { currentProcess, isAlive, type ProcessIdentity } from '../processes.ts';
import { type SandboxPaths, safeName } from '../sandbox-paths.ts';

interface Claimant extends ProcessIdentity {
  readonly call: string;
}

const liveCalls = new Set<string>();

/**
 * What is on disk about the opening of one session: a folder of files that are written once and never change. Their
 * names begin with the agent server's number and the launch's, because what an agent's process was told is lost with
 * it: with another process it all begins anew.
 */
export class SessionRecord {
  readonly #folder: string;
  readonly #server: number;
  readonly #call = randomUUID();
  #launch = 1;

  private constructor(folder: string, server: number) {
    this.#folder = folder;
    this.#server = server;
    liveCalls.add(this.#call);
  }

  static async open(paths: SandboxPaths, key: string, server: number): Promise<SessionRecord> {
    const folder = join(paths.sessions, safeName(key));
    // One after the other: the sandbox's folder must not come back when it is gone.
    for (const path of [paths.sessions, folder]) {
      await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') throw sandboxGone(paths.key);
        if (error.code !== 'EEXIST') throw error;
      });
    }
    const record = new SessionRecord(folder, server);
    while (await record.read('failed')) record.#launch += 1;
    return record;
  }

  /** Tells one launch of the agent from another on the same sandbox. */
  get launch(): string {
    return `${this.#server}.${this.#launch}`;
  }

  /** Says that this call does no more. Its claims are open to others then. */
  close(): void {
    liveCalls.delete(this.#call);
  }

  read<T>(name: string): Promise<T | undefined> {
    return readClaim<T>(this.#path(name));
  }

  /** Notes something for good; false when it was noted before. */
  note(name: string, content: unknown): Promise<boolean> {
    return claim(this.#path(name), content);
  }

  /** Takes it upon this call to do something once: the `turn`th claim, from 1. */
  async claim(name: string, turn: number): Promise<boolean> {
    return await this.note(`${name}-${turn}`, { ...(await currentProcess()), call: this.#call });
  }

  /** Whether the call that holds a claim may still do what it claimed. */
  async isClaimHolderAlive(name: string, turn: number): Promise<boolean> {
    const claimant = await this.read<Claimant>(`${name}-${turn}`);
    if (claimant === undefined || !(await isAlive(claimant))) return false;
    return claimant.pid !== process.pid || liveCalls.has(claimant.call);
  }

  #path(name: string): string {
    return join(this.#folder, `${this.launch}-${name}`);
  }
}
