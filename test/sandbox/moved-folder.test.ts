import { mkdtempDisposable, realpath, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createLocalProvider } from '../../src/sandbox/local/local-provider.ts';
import { readLocation } from '../../src/sandbox/local/location.ts';
import { findProcesses, sandboxMarker } from '../../src/sandbox/local/processes.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { rejection } from '../support/rejection.ts';
import { context, conversationsOf, request } from './local-sandboxes.ts';

describe('a data folder that was moved while its agents run', () => {
  it('keeps its sandboxes: their agents are started again where it lies now, and nothing is left behind', async () => {
    await using repository = await createGitRepository();
    await using parent = await mkdtempDisposable(join(await realpath(tmpdir()), 'groundcrew-moved-'));
    const open = (dataDir: string) =>
      createLocalProvider({ dataDir, allowLocalRepos: true, logger: pino({ level: 'silent' }) });
    const [before, after] = [join(parent.path, 'before'), join(parent.path, 'after')];
    const old = open(before);
    const sandbox = await old.createSandbox(request(repository.path), context());
    const endpoint = await old.ensureAgent(sandbox, { agent: 'demo' }, context());
    const first = { key: 'first', agent: 'demo', prompt: 'Before the move' };
    await old.createSession(sandbox, endpoint, first, context());
    const marker = sandboxMarker(await readLocation(before), 'one');
    const earlier = await findProcesses([marker]);
    expect(earlier).toHaveLength(2);

    await rename(before, after);
    const moved = open(after);
    const second = { key: 'second', agent: 'demo', prompt: 'After the move' };
    const error = await rejection(moved.createSession(sandbox, endpoint, second, context()));
    expect(error).toMatchObject({ code: 'AGENT_GONE', retryable: true });
    const next = await moved.ensureAgent(sandbox, { agent: 'demo' }, context());
    await moved.createSession(sandbox, next, second, context());
    expect(await conversationsOf(next)).toEqual([expect.stringMatching(/^second\./)]);
    expect((await findProcesses([marker])).filter((pid) => earlier.includes(pid))).toEqual([]);

    await moved.destroySandbox('one', context());
    expect(await findProcesses([marker])).toEqual([]);
    expect(await moved.listSandboxes(context())).toEqual([]);
  });
});
