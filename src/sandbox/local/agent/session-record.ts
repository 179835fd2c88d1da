import { randomUUID } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { currentProcess, isAlive, type ProcessIdentity } from '../../../process-identity.ts';
import { sandboxGone } from '../errors.ts';
import { readWritten, writeOnce } from '../exclusive-file.ts';
import { type SandboxPaths, safeName } from '../sandbox-paths.ts';

/** The process that took a claim, and which of its calls. */
interface ClaimHolder extends ProcessIdentity {
  readonly call: string;
}

/** Calls of this process that have not ended. */
const liveCalls = new Set<string>();

/**
 * The record of the opening of one session: a folder of files that are written once and never change. Their names begin
 * with the numbers of the agent server and of the launch of the agent. An agent's process forgets what it was told when it
 * ends, so each launch has a record of its own.
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
    // Not `recursive`: that would make the sandbox's folder again after it was destroyed.
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

  /** Distinguishes this launch of the agent from the others in the sandbox. */
  get launch(): string {
    return `${this.#server}.${this.#launch}`;
  }

  /** Call when this call ends: other calls may then repeat what it claimed and did not do. */
  close(): void {
    liveCalls.delete(this.#call);
  }

  read<T>(name: string): Promise<T | undefined> {
    return readWritten<T>(this.#path(name));
  }

  /** The record of the latest launch before this one that has it. */
  async previous<T>(name: string): Promise<T | undefined> {
    const launches = (await readdir(this.#folder))
      .map((file) => /^(\d+)\.(\d+)-(.*)$/.exec(file))
      .filter((found) => found?.[3] === name)
      .map((found) => [Number(found?.[1]), Number(found?.[2])] as const)
      .filter(
        ([server, launch]) => server < this.#server || (server === this.#server && launch < this.#launch),
      )
      .sort(([server, launch], [otherServer, otherLaunch]) => server - otherServer || launch - otherLaunch);
    const last = launches.at(-1);
    return last && readWritten<T>(join(this.#folder, `${last.join('.')}-${name}`));
  }

  /** Records something that never changes; false when it was recorded before. */
  write(name: string, content: unknown): Promise<boolean> {
    return writeOnce(this.#path(name), content);
  }

  /** Takes the claim `number` (from 1) to do something; false when another call has it. */
  async claim(name: string, number: number): Promise<boolean> {
    return await this.write(`${name}-${number}`, { ...(await currentProcess()), call: this.#call });
  }

  /** Records that this call, whose process goes on, will not do what it claimed. */
  async giveUp(name: string, number: number): Promise<void> {
    await this.write(`${name}-${number}-given-up`, {});
  }

  /** Whether the call that has the claim may still do what it claimed. */
  async isClaimHolderAlive(name: string, number: number): Promise<boolean> {
    const holder = await this.read<ClaimHolder>(`${name}-${number}`);
    if (holder === undefined || !(await isAlive(holder))) return false;
    if (await this.read(`${name}-${number}-given-up`)) return false;
    return holder.pid !== process.pid || liveCalls.has(holder.call);
  }

  #path(name: string): string {
    return join(this.#folder, `${this.launch}-${name}`);
  }
}
