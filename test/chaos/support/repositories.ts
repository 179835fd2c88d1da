import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** A worker asks for the branches of a repository. */
export interface Look {
  readonly url: string;
  /** Of the worker. */
  readonly pid: number;
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
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    await answer(JSON.parse(body) as Look);
    response.end(listing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const folder = await mkdtemp(join(tmpdir(), 'groundcrew-chaos-git-'));
  const program = join(folder, 'git');
  await writeFile(join(folder, 'listing'), listing);
  await writeFile(
    program,
    `#!/bin/sh
case "$*" in
  */held/*) exec '${process.execPath}' '${join(import.meta.dirname, 'git-that-waits.ts')}' "$@" ;;
esac
while IFS= read -r line; do printf '%s\\n' "$line"; done < '${join(folder, 'listing')}'
`,
  );
  await chmod(program, 0o755);

  return {
    env: {
      PATH: `${folder}${delimiter}${process.env.PATH}`,
      CHAOS_REPOSITORIES: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    },
    onLook(next) {
      answer = next;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
