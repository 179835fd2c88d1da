import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GitOptions, runGit } from '../../../git/git.ts';

/** A repository that is being made. Nothing else uses it yet. */
export class NewRepository {
  readonly gitFolder: string;
  readonly signal: AbortSignal;
  readonly #folder: string;
  readonly #name: string;
  readonly #env: Readonly<Record<string, string>>;

  /** `folder` exists; the repository is its subfolder `name`. `env` is added to the environment of each git. */
  constructor(folder: string, name: string, env: Readonly<Record<string, string>>, signal: AbortSignal) {
    this.gitFolder = join(folder, name, '.git');
    this.signal = signal;
    this.#folder = folder;
    this.#name = name;
    this.#env = env;
  }

  async init(branch: string, objectFormat: string): Promise<void> {
    const format = [`--object-format=${objectFormat}`, `--initial-branch=${branch}`];
    await this.#run(['init', '--quiet', '--template=', ...format, '--', this.#name], {});
  }

  /** Runs git in the repository. */
  git(args: readonly string[], options: GitOptions = {}): Promise<string> {
    return this.#run(['-C', this.#name, ...args], options);
  }

  /** The content of a file in the git folder; an empty string when there is none. */
  async read(file: string): Promise<string> {
    return readFile(join(this.gitFolder, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
  }

  /** Writes a file in the git folder, one byte for each character; see git/ref-name.ts. */
  async write(file: string, bytes: string): Promise<void> {
    await writeFile(join(this.gitFolder, file), bytes, 'latin1');
  }

  #run(args: readonly string[], options: GitOptions): Promise<string> {
    return runGit(args, {
      ...options,
      // Git starts in a folder that exists: if the sandbox is destroyed meanwhile, git fails instead of creating it again.
      cwd: this.#folder,
      env: { ...this.#env, ...options.env },
      signal: this.signal,
    });
  }
}
