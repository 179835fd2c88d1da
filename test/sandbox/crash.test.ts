import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createGitRepository } from '../support/git-repository.ts';
import { callInProcess, context, conversationsOf, openLocalSandboxes, request } from './local-sandboxes.ts';

// What a process that provisions the sandbox KEY writes to the folder `sandboxes`, in this order.
const files = [
  'KEY~making~[^/]*',
  'KEY~making~.*/checkout/\\.git/HEAD',
  'KEY/sandbox\\.json',
  'KEY/agent-servers/\\d+\\.json',
  'KEY/agent-servers/\\d+\\.pid',
  'KEY/sessions/session-KEY/.*-initialize-\\d+',
  'KEY/sessions/session-KEY/.*-session-\\d+',
  'KEY/sessions/session-KEY/.*-session',
];

describe('a sandbox whose provisioning was killed twice', () => {
  it.each(files)(
    'has one checkout, one agent server and one session when it was killed at %s',
    async (file) => {
      await using repository = await createGitRepository();
      await using sandboxes = await openLocalSandboxes();
      const { provider } = sandboxes;
      const key = 'task-1';
      const folder = join(sandboxes.dataDir, 'sandboxes');
      const args = [sandboxes.dataDir, repository.path, key, 'demo'];
      const pattern = new RegExp(`^${file.replaceAll('KEY', key)}$`);
      const exists = async () =>
        (await readdir(folder, { recursive: true }).catch(() => [])).some((path) => pattern.test(path));
      await callInProcess(args, { killWhen: exists });
      // The second one finds that file, so it is killed while it starts, or when it has looked at what the first one left.
      await callInProcess(args, { killWhen: exists });

      const sandbox = await provider.createSandbox(request(repository.path, { key, branch: key }), context());
      const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
      const wanted = { key: `session-${key}`, agent: 'demo', prompt: `Prompt of ${key}` };
      const readLog = () => readFile(join(sandboxes.root(key), 'agent-server.log'), 'utf8');
      const session = await provider
        .createSession(sandbox, endpoint, wanted, context())
        .catch(async (error: unknown) => {
          // Only its log tells what the agent server has made of the requests of the killed processes.
          throw new Error(await readLog(), { cause: error });
        });
      expect(await provider.createSession(sandbox, endpoint, wanted, context())).toEqual(session);

      const log = await readLog();
      expect({
        folders: await readdir(folder),
        servers: (await sandboxes.servers(key)).length,
        conversations: (await conversationsOf(endpoint)).length,
        sessions: countRequests('session/new', log),
      }).toEqual({ folders: [key], servers: 1, conversations: 1, sessions: 1 });
    },
  );
});

/** Those that the agent has got. The server forgets a request whose sender dies before. */
function countRequests(method: string, log: string): number {
  return log
    .split('\n')
    .filter((line) => line.includes('"stdin: write+flush complete"') && line.includes(`method=${method} `))
    .length;
}
