import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listRemote } from '../../src/git/remote.ts';
import { createGitRepository, type GitRepository } from '../support/git-repository.ts';
import { rejection } from '../support/rejection.ts';

let folder: string;
let repository: GitRepository;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'groundcrew-connection-'));
  repository = await createGitRepository();
  // For the protocol that serves the files of a repository.
  repository.git('update-server-info');
  vi.stubEnv('HOME', folder);
  vi.stubEnv('XDG_CONFIG_HOME', undefined);
  vi.stubEnv('GIT_SSL_CAINFO', undefined);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await repository[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function script(name: string, ...lines: string[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
  return path;
}

function config(path: string, key: string, value: string): void {
  execFileSync('git', ['config', '-f', path, key, value]);
}

const list = (url: string) => listRemote(url, { allowLocal: false });

describe('a remote over ssh', () => {
  const url = () => `ssh://git@127.0.0.1${repository.path}`;
  const calls = () => readFile(join(folder, 'calls'), 'utf8');

  /** Runs here what it is asked to run on the host, and notes its arguments. */
  function sshStandIn(name = 'my-ssh') {
    return script(name, `echo "$*" >> ${folder}/calls`, 'for last; do :; done', 'exec sh -c "$last"');
  }

  it.each<[string, (path: string) => void]>([
    ['GIT_SSH_COMMAND', (path) => vi.stubEnv('GIT_SSH_COMMAND', path)],
    ['GIT_SSH', (path) => vi.stubEnv('GIT_SSH', path)],
    [
      'core.sshCommand in ~/.gitconfig',
      (path) => config(join(folder, '.gitconfig'), 'core.sshCommand', path),
    ],
    [
      'core.sshCommand in GIT_CONFIG_GLOBAL',
      (path) => {
        config(join(folder, 'other'), 'core.sshCommand', path);
        vi.stubEnv('GIT_CONFIG_GLOBAL', join(folder, 'other'));
      },
    ],
    [
      'core.sshCommand in GIT_CONFIG_COUNT',
      (path) => {
        vi.stubEnv('GIT_CONFIG_COUNT', '1');
        vi.stubEnv('GIT_CONFIG_KEY_0', 'core.sshCommand');
        vi.stubEnv('GIT_CONFIG_VALUE_0', path);
      },
    ],
  ])('is read with the command of %s, without options of ours', async (_, set) => {
    set(await sshStandIn());
    expect((await list(url())).defaultBranch).toBe('main');
    expect(await calls()).not.toContain('BatchMode');
  });

  it('is read with ssh in batch mode when the user has set no command', async () => {
    await sshStandIn('ssh');
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    expect((await list(url())).defaultBranch).toBe('main');
    expect(await calls()).toContain('-oBatchMode=yes');
  });
});

describe('a remote over http', () => {
  /** Serves the repository's files, also as a proxy. */
  const serveFiles: RequestListener = async (request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://host');
    const content = await readFile(join(repository.path, '.git', pathname.replace('/o/r.git/', ''))).catch(
      () => undefined,
    );
    response.writeHead(content === undefined ? 404 : 200).end(content);
  };

  const asking: RequestListener = async (request, response) => {
    if (request.headers.authorization === `Basic ${btoa('ada:secret')}`) return serveFiles(request, response);
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
  };

  async function serve(listener: RequestListener, tls?: { key: Buffer; cert: Buffer }) {
    const server = tls ? createTlsServer(tls, listener) : createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
    };
  }

  it('is read with the certificate authority of GIT_SSL_CAINFO', async () => {
    const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') };
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'],
        ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', files.key, '-out', files.cert],
      ],
      { stdio: 'ignore' },
    );
    const tls = { key: await readFile(files.key), cert: await readFile(files.cert) };
    await using server = await serve(serveFiles, tls);
    const url = `https://${server.host}/o/r.git`;
    expect((await rejection(list(url))).message).toContain('certificate');
    vi.stubEnv('GIT_SSL_CAINFO', files.cert);
    expect((await list(url)).defaultBranch).toBe('main');
  });

  it('is read through the proxy of http.proxy', async () => {
    await using proxy = await serve(serveFiles);
    config(join(folder, '.gitconfig'), 'http.proxy', `http://${proxy.host}`);
    expect((await list('http://host.invalid/o/r.git')).defaultBranch).toBe('main');
  });

  it('is read with the password of a credential helper', async () => {
    await using server = await serve(asking);
    const helper = await script('helper', 'echo username=ada', 'echo password=secret');
    config(join(folder, '.gitconfig'), 'credential.helper', helper);
    expect((await list(`http://${server.host}/o/r.git`)).defaultBranch).toBe('main');
  });

  it.each<[string, (path: string) => void]>([
    ['GIT_ASKPASS', (path) => vi.stubEnv('GIT_ASKPASS', path)],
    ['core.askPass', (path) => config(join(folder, '.gitconfig'), 'core.askPass', path)],
  ])('is read with the password of the program %s', async (_, set) => {
    await using server = await serve(asking);
    set(await script('askpass', 'case "$1" in User*) echo ada;; *) echo secret;; esac'));
    expect((await list(`http://${server.host}/o/r.git`)).defaultBranch).toBe('main');
  });

  it('throws REPOSITORY_NOT_FOUND instead of showing the window of SSH_ASKPASS', async () => {
    await using server = await serve(asking);
    vi.stubEnv('SSH_ASKPASS', await script('window', `touch ${folder}/shown`, 'sleep 60'));
    vi.stubEnv('DISPLAY', ':0');
    const error = await rejection(list(`http://${server.host}/o/r.git`));
    expect(error).toMatchObject({ code: 'REPOSITORY_NOT_FOUND', retryable: false });
    await expect(readFile(join(folder, 'shown'))).rejects.toThrow('ENOENT');
  });
});

describe('a remote on this machine', () => {
  it('is read when inherited variables name another repository', async () => {
    const names = execFileSync('git', ['rev-parse', '--local-env-vars'], { encoding: 'utf8' })
      .trim()
      .split('\n');
    // These carry settings; git refuses nonsense in them.
    const settings = ['GIT_CONFIG_PARAMETERS', 'GIT_CONFIG_COUNT'];
    for (const name of [...names, 'GIT_NAMESPACE', 'GIT_CEILING_DIRECTORIES', 'GIT_TEMPLATE_DIR']) {
      if (!settings.includes(name)) vi.stubEnv(name, '/nowhere');
    }
    const remote = await listRemote(repository.path, { allowLocal: true });
    expect(remote.defaultBranch).toBe('main');
  });

  it('cannot be read without git in PATH, and the error says so', async () => {
    vi.stubEnv('PATH', folder);
    const error = await rejection(listRemote(repository.path, { allowLocal: true }));
    expect(error).toMatchObject({
      code: 'GIT_FAILED',
      message: 'git ls-remote failed: git was not found in the PATH of the worker: install it',
    });
  });

  it('is read without the configuration of a repository around the working folder', async () => {
    const before = process.cwd();
    await using other = await createGitRepository();
    repository.git('config', `url.file:///nowhere.insteadOf`, other.path);
    process.chdir(repository.path);
    try {
      expect((await listRemote(other.path, { allowLocal: true })).defaultBranch).toBe('main');
    } finally {
      process.chdir(before);
    }
  });
});
