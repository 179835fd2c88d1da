import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { agentEnvironment } from '../../src/sandbox/local/agent/agent-environment.ts';
import type { LocalSandbox } from '../../src/sandbox/local/sandbox-paths.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { context, type LocalSandboxes, openLocalSandboxes, request } from './local-sandboxes.ts';

let repository: GitRepository;
/** Of the user who runs the worker. */
let home: string;
let sandboxes: LocalSandboxes;
beforeAll(async () => {
  repository = await createGitRepository();
});
afterAll(() => repository[Symbol.asyncDispose]());
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'groundcrew-operator-'));
  sandboxes = await openLocalSandboxes();
  vi.stubEnv('HOME', home);
  vi.stubEnv('XDG_CONFIG_HOME', undefined);
  await mkdir(join(home, 'bin'));
  const ssh = join(home, 'bin', 'ssh');
  // Runs what it is asked to run on another host, on this one.
  await writeFile(ssh, '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n');
  await chmod(ssh, 0o755);
});
afterEach(async () => {
  await sandboxes[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

const configure = (key: string, value: string) =>
  execFileSync('git', ['config', '--file', join(home, '.gitconfig'), '--add', key, value]);

/** What git prints in the checkout of a new sandbox of the repository at `url`, as the agent there would run it. */
async function gitInSandbox(url: string, args: string[], input = ''): Promise<string> {
  const { cwd } = await sandboxes.provider.createSandbox(request(url), context());
  const sandbox = { home: join(sandboxes.root('one'), 'home'), marker: '' } as LocalSandbox;
  expect((await stat(join(sandbox.home, '.gitconfig'))).mode & 0o077).toBe(0);
  const env = { ...agentEnvironment(sandbox), GIT_TERMINAL_PROMPT: '0' };
  return execFileSync('git', ['-C', cwd, ...args], { env, input, encoding: 'utf8' });
}

describe('git in a sandbox', () => {
  const sshUrl = () => `ssh://git@host.invalid${repository.path}`;

  it("connects with the user's core.sshCommand, which may lie in the user's home", async () => {
    configure('core.sshCommand', '~/bin/ssh');
    const refs = await gitInSandbox(sshUrl(), ['ls-remote', 'origin', 'HEAD']);
    expect(refs).toContain(repository.git('rev-parse', 'HEAD'));
  });

  it("connects with the user's GIT_SSH_COMMAND", async () => {
    vi.stubEnv('GIT_SSH_COMMAND', join(home, 'bin', 'ssh'));
    const refs = await gitInSandbox(sshUrl(), ['ls-remote', 'origin', 'HEAD']);
    expect(refs).toContain(repository.git('rev-parse', 'HEAD'));
  });

  it.each([
    ['store', () => 'store'],
    ['a function of the shell', () => '!f() { test "$1" = get && cat "$HOME/answer"; }; f'],
    ['a program', () => `${home}/bin/helper`],
  ])("signs in with the user's credential helper %s", async (_what, helper) => {
    await writeFile(join(home, '.git-credentials'), 'https://ada:secret@host.invalid\n');
    await writeFile(join(home, 'answer'), 'username=ada\npassword=secret\n');
    await writeFile(join(home, 'bin', 'helper'), '#!/bin/sh\ntest "$1" = get && cat "$HOME/answer"\n', {
      mode: 0o755,
    });
    configure('credential.helper', helper());
    const answer = await gitInSandbox(
      repository.path,
      ['credential', 'fill'],
      'protocol=https\nhost=host.invalid\n\n',
    );
    expect(answer).toContain('username=ada\npassword=secret\n');
  });

  it("trusts the user's certificate authority, and rewrites addresses as the user does", async () => {
    configure('http.https://host.invalid/.sslCAInfo', '~/ca.pem');
    configure(`url.file://${repository.path}.insteadOf`, 'https://host.invalid/o/r');
    configure('commit.gpgSign', 'true');
    const args = ['config', '--get-urlmatch', 'http', 'https://host.invalid/'];
    expect(await gitInSandbox(repository.path, args)).toContain(`http.sslcainfo ${home}/ca.pem`);
    const kept = ['config', '--get-regexp', '^(url|commit)'];
    expect(await gitInSandbox(repository.path, kept)).toBe(
      `url.file://${repository.path}.insteadof https://host.invalid/o/r\n`,
    );
  });
});
