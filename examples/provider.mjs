// A sandbox provider of one's own, whole and small: GROUNDCREW_PROVIDERS=./examples/provider.mjs npm start
//
// A sandbox is a clone in a folder named for its key, under EXAMPLE_SANDBOXES. Its "agent" is a process that keeps the
// prompts it is given. Look at how each method finds what an earlier call has made: that is what the contract asks for.

import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** @import { SandboxProvider, StepContext } from '../src/sandbox/provider.ts' */

const run = promisify(execFile);
const folder = resolve(process.env.EXAMPLE_SANDBOXES ?? join(tmpdir(), 'groundcrew-example'));
const agentProgram = fileURLToPath(new URL('./provider-agent.mjs', import.meta.url));

/** @type {SandboxProvider} */
export default {
  name: 'example',

  async createSandbox({ key, repoUrl, branch, baseRef }, { signal, log }) {
    const sandbox = join(folder, key);
    const ref = { id: key, cwd: join(sandbox, 'checkout') };
    if (await exists(sandbox)) return ref;
    // Made under another name first: a sandbox that has its key's name is whole. Keys hold no tilde.
    const draft = `${sandbox}~${randomUUID()}`;
    const checkout = join(draft, 'checkout');
    /** @param {string[]} args */
    const git = (...args) =>
      run('git', args, {
        signal,
        env: { ...process.env, GIT_TERMINAL_PROMPT: '0', GIT_ALLOW_PROTOCOL: 'https:ssh:file' },
      });
    try {
      await mkdir(draft, { recursive: true });
      log(`Cloning for ${branch}`);
      // What users wrote stands behind `--`, where git takes nothing for an option.
      await git('clone', '--quiet', '--', repoUrl, checkout);
      const known = await git(
        '-C',
        checkout,
        'rev-parse',
        '--verify',
        '--quiet',
        `refs/remotes/origin/${branch}`,
      ).then(
        () => true,
        () => false,
      );
      const start = known ? `refs/remotes/origin/${branch}` : (baseRef ?? 'HEAD');
      const { stdout } = await git(
        '-C',
        checkout,
        'rev-parse',
        '--verify',
        '--end-of-options',
        `${start}^{commit}`,
      );
      await git('-C', checkout, 'update-ref', `refs/heads/${branch}`, stdout.trim());
      await git('-C', checkout, 'symbolic-ref', 'HEAD', `refs/heads/${branch}`);
      await git('-C', checkout, 'reset', '--quiet', '--hard');
      // Fails when another call was quicker, or when the sandbox was destroyed meanwhile.
      await rename(draft, sandbox).catch(async (error) => {
        if (!(await exists(sandbox))) throw error;
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    return ref;
  },

  async ensureAgent({ id }, _request, { signal }) {
    const sandbox = join(folder, id);
    if (!(await agentOf(sandbox))) {
      // Detached, so that it outlives the worker. Of several that are started at once the last one stays.
      spawn(process.execPath, [agentProgram, sandbox], { detached: true, stdio: 'ignore' }).unref();
    }
    for (;;) {
      signal.throwIfAborted();
      const agent = await agentOf(sandbox);
      if (agent) return agent;
      await delay(25, undefined, { signal });
    }
  },

  async createSession(_sandbox, endpoint, { key, prompt }, { signal }) {
    // The agent knows sessions by their key: asked again, it answers as before and takes no second prompt.
    const response = await fetch(`${endpoint.baseUrl}/sessions/${encodeURIComponent(key)}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${endpoint.token}` },
      body: prompt,
      signal,
    });
    if (!response.ok) throw new Error(`The agent answered ${response.status}.`);
    return await response.json();
  },

  async destroySandbox(key) {
    // The key's own folder, and drafts that other calls have begun.
    const names = (await readdir(folder).catch(() => [])).filter((name) => name.split('~')[0] === key);
    for (const name of names) {
      const agent = await agentOf(join(folder, name));
      if (agent) {
        const headers = { authorization: `Bearer ${agent.token}` };
        await fetch(agent.baseUrl, { method: 'DELETE', headers }).catch(() => {}); // it ends while it answers
      }
      await rm(join(folder, name), { recursive: true, force: true, maxRetries: 5 });
    }
  },

  async listSandboxes() {
    const names = await readdir(folder).catch(() => []);
    const found = names.map(async (name) => ({
      key: name.replace(/~.*/, ''),
      createdAt: (await stat(join(folder, name))).birthtime,
    }));
    return await Promise.all(found);
  },
};

/**
 * The agent of a sandbox, when there is one and it answers.
 * @param {string} sandbox
 * @returns {Promise<{ baseUrl: string, token: string } | undefined>}
 */
async function agentOf(sandbox) {
  try {
    const { baseUrl, token } = JSON.parse(await readFile(join(sandbox, 'agent.json'), 'utf8'));
    const response = await fetch(baseUrl, { headers: { authorization: `Bearer ${token}` } });
    return response.ok ? { baseUrl, token } : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} path */
function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  );
}
