// Creates tasks over HTTP, on connections that are kept alive, each as fast as it is answered.
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { lengthOf } from '../length.ts';
import { spreadOf } from '../statistics.ts';
import { finish, reach, readSpec } from './load.ts';

export interface CreateHttpSpec {
  readonly url: string;
  readonly token: string;
  readonly repoUrl: string;
  readonly connections: number;
  readonly seconds: number;
  /** Milliseconds between two calls of a connection. */
  readonly pause: number;
}

const { url, token, repoUrl, connections, seconds, pause } = readSpec<CreateHttpSpec>();
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const body = JSON.stringify({
  query: 'mutation ($input: CreateTaskInput!) { createTask(input: $input) { id revision status } }',
  variables: { input: { repoUrl, prompt: 'Fix the tests that fail on the build server' } },
});
const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };

function create(): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(`${url}/graphql`, { agent, method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => (text.includes('"revision":1') ? resolve() : reject(new Error(text))));
    });
    call.on('error', reject);
    call.end(body);
  });
}

async function createUntil(end: number): Promise<number[]> {
  const latencies: number[] = [];
  while (performance.now() < end) {
    const began = performance.now();
    await create();
    latencies.push(performance.now() - began);
    if (pause > 0) await delay(pause);
  }
  return latencies;
}

const during = async (ms: number) => {
  const end = performance.now() + ms;
  return (await Promise.all(Array.from({ length: connections }, () => createUntil(end)))).flat();
};
await during(lengthOf({ full: 1_000, short: 100 }));
await reach('warm');
const latencies = await during(seconds * 1_000);
await reach('measured');
finish({ ...spreadOf(latencies), perSecond: latencies.length / seconds });
