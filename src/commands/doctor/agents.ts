import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AgentServer } from '../../agents/agent-server.ts';
import { serverAgentId } from '../../agents/agents.ts';
import { placeLauncher } from '../../agents/launchers.ts';
import { findServerBinary } from '../../agents/server-binary.ts';
import { freePort } from '../../free-port.ts';
import { type CheckGroup, type DoctorContext, type Finding, ok, problem } from './finding.ts';

const startTimeoutMs = 30_000;
const pollMs = 100;

export const agents: CheckGroup = {
  title: 'Agents',
  async *check({ config }) {
    if (!config.providers.includes('local')) {
      yield ok('The provider local is not in use, so no agent has to be on this machine.');
      return;
    }
    const binary = await findServerBinary().catch(() => undefined);
    if (binary === undefined) {
      yield problem(
        `The agent server is not installed: there is no @sandbox-agent/cli-${process.platform}-${process.arch}.`,
        'Run npm ci with optional dependencies.',
      );
      return;
    }
    const installed = await findInstalled(binary);
    if (installed === undefined) {
      yield problem(`The agent server does not start: ${binary}.`, 'Run it with --version to see why.');
      return;
    }
    yield ok(`The agent server starts: ${binary}.`);
    yield checkInstalled(installed);
    yield checkDefaultAgent(config.defaultAgent, installed);
  },
};

function checkInstalled(installed: ReadonlySet<string>): Finding {
  return ok(`Agents that are installed: ${['demo', ...installed].join(', ')}.`);
}

function checkDefaultAgent(
  agent: DoctorContext['config']['defaultAgent'],
  installed: ReadonlySet<string>,
): Finding {
  if (agent === 'demo' || installed.has(agent)) return ok(`The default agent ${agent} is installed.`);
  return problem(
    `The default agent ${agent} is not installed.`,
    `Run npx sandbox-agent install-agent ${agent}, or set GROUNDCREW_AGENT to another one.`,
  );
}

/**
 * Asks an agent server of our own, in a temporary home: it finds agents in PATH and those that were installed for this user,
 * as the server of a sandbox does. Undefined when it does not start.
 */
async function findInstalled(binary: string): Promise<ReadonlySet<string> | undefined> {
  const home = await mkdtemp(join(tmpdir(), 'groundcrew-doctor-'));
  const token = randomBytes(16).toString('hex');
  const port = String(await freePort());
  const args = ['server', '--host', '127.0.0.1', '--port', port, '--token', token, '--no-telemetry'];
  const child = spawn(binary, args, { env: { PATH: process.env.PATH, HOME: home }, stdio: 'ignore' });
  const exited = Promise.race([once(child, 'exit'), once(child, 'error')]).catch(() => {});
  try {
    const signal = AbortSignal.timeout(startTimeoutMs);
    const server = new AgentServer({ baseUrl: `http://127.0.0.1:${port}`, token });
    while (!(await server.isHealthy(signal, startTimeoutMs))) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return undefined;
      await delay(pollMs, undefined, { signal });
    }
    const known = [...(await server.agents(signal)).keys()].filter((agent) => agent !== 'mock');
    for (const agent of known) await placeLauncher(home, serverAgentId(agent));
    const found = await server.agents(signal);
    return new Set(known.filter((agent) => found.get(agent)));
  } catch {
    return undefined;
  } finally {
    child.kill('SIGKILL');
    await exited;
    await rm(home, { recursive: true, force: true, maxRetries: 10 });
  }
}
