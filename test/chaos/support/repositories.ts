import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

/** A worker asks for the branches of a repository. */
export interface Look {
  readonly url: string;
  /** Of the worker. */
  readonly pid: number;
  /** Of the `git` that asks. */
  readonly ownPid: number;
}

/**
 * Repositories that do not exist: a `git` that is first in PATH answers for all of them. For a URL with `/held/` in it, that
 * `git` waits for the test's answer.
 */
export interface Repositories extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  onLook(answer: (look: Look) => Promise<void>): void;
}

const listing = [
  'ref: refs/heads/main\tHEAD',
  `${'a'.repeat(40)}\tHEAD`,
  `${'a'.repeat(40)}\trefs/heads/main`,
  '',
].join('\n');

export async function createRepositories(): Promise<Repositories> {
  let answer: (look: Look) => Promise<void> = async () => {};
  const asking = new Set<Socket>();
  const server = createServer(async (socket) => {
    asking.add(socket);
    socket.on('close', () => asking.delete(socket));
    // Its worker was killed.
    socket.on('error', () => socket.destroy());
    const [line] = await once(createInterface(socket), 'line');
    await answer(JSON.parse(line) as Look);
    socket.end(listing);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');

  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-chaos-git-'));
  const program = join(folder, 'git');
  await writeFile(join(folder, 'listing'), listing);
  await writeFile(
    program,
    `#!/bin/sh
case "$*" in
  */held/*) exec '${process.execPath}' '${join(import.meta.dirname, 'git-that-waits.mjs')}' "$@" ;;
esac
while IFS= read -r line; do printf '%s\\n' "$line"; done < '${join(folder, 'listing')}'
`,
  );
  await chmod(program, 0o755);

  return {
    env: {
      PATH: `${folder}${delimiter}${process.env.PATH}`,
      CHAOS_REPOSITORIES: String((server.address() as AddressInfo).port),
    },
    onLook(next) {
      answer = next;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of asking) socket.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
