import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SandboxProvider } from '../../src/sandbox/provider.ts';
import { loadProviders } from '../../src/sandbox/registry.ts';
import { createGitRepository } from '../support/git-repository.ts';
import { waitFor } from '../support/wait-for.ts';
import { context, gitIn, request } from './local-sandboxes.ts';

afterEach(() => vi.unstubAllEnvs());

describe('examples/provider.mjs', () => {
  it('adopts in each method what an earlier call has made', async () => {
    await using repository = await createGitRepository();
    const folder = await mkdtemp(join(tmpdir(), 'groundcrew-example-'));
    vi.stubEnv('EXAMPLE_SANDBOXES', folder);
    const providers = await loadProviders(['./examples/provider.mjs'], {});
    const provider = providers.get('example') as SandboxProvider;

    const twice = <T>(call: () => Promise<T>) => Promise.all([call(), call()]);
    const [sandbox, same] = await twice(() => provider.createSandbox(request(repository.path), context()));
    expect(same).toEqual(sandbox);
    expect(gitIn(sandbox.cwd, 'branch', '--show-current')).toBe('work');
    expect((await provider.listSandboxes(context())).map(({ key }) => key)).toEqual(['one']);

    const endpoint = await provider.ensureAgent(sandbox, { agent: 'demo' }, context());
    expect(await provider.ensureAgent(sandbox, { agent: 'demo' }, context())).toEqual(endpoint);
    const wanted = { key: 'first', agent: 'demo', prompt: 'Hello' };
    const [session, again] = await twice(() => provider.createSession(sandbox, endpoint, wanted, context()));
    expect(again).toEqual(session);

    await provider.destroySandbox('one', context());
    await provider.destroySandbox('one', context());
    expect(await readdir(folder)).toEqual([]);
    await waitFor(() =>
      fetch(endpoint.baseUrl).then(
        () => false,
        () => true,
      ),
    );
    await rm(folder, { recursive: true });
  });
});
