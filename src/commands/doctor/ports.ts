import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort } from '../../free-port.ts';
import { type CheckGroup, type DoctorContext, type Finding, ok, problem } from './finding.ts';

const answerTimeoutMs = 2_000;

export const ports: CheckGroup = {
  title: 'Ports',
  async *check({ config }) {
    yield await checkPort(config);
    yield await checkLoopback();
  },
};

async function checkPort({ host, port }: DoctorContext['config']): Promise<Finding> {
  try {
    const probe = createServer().listen(port, host);
    await once(probe, 'listening');
    probe.close();
    await once(probe, 'close');
    return ok(port === 0 ? `A free port of ${host} will be taken.` : `PORT ${port} is free on ${host}.`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      return (await isGroundcrew(host, port))
        ? ok(`A Groundcrew server runs on PORT ${port}.`)
        : problem(
            `PORT ${port} is taken by another program.`,
            'Set PORT to a free one, or 0, or stop that program.',
          );
    }
    if (code === 'EACCES') {
      return problem(`PORT ${port} needs more rights than this user has.`, 'Set PORT to one above 1023.');
    }
    return problem(`HOST ${host} cannot be used: ${message}.`, 'Set HOST to an address of this machine.');
  }
}

async function isGroundcrew(host: string, port: number): Promise<boolean> {
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}/readyz`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(answerTimeoutMs) });
    const text = await response.text();
    return text === 'ready\n' || text.startsWith('The ');
  } catch {
    return false;
  }
}

/** The embedded database and each agent server take a free port there. */
async function checkLoopback(): Promise<Finding> {
  try {
    await freePort();
    return ok('127.0.0.1 has free ports for the embedded database and the agent servers.');
  } catch (error) {
    return problem(
      `No port of 127.0.0.1 can be listened on: ${(error as Error).message}.`,
      'Bring the loopback interface up, and let this user open ports.',
    );
  }
}
