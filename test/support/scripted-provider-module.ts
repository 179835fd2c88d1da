// The worker's half of `scripted-provider.ts`: a sandbox provider that asks the test what to do. Load it in a process with
// the `env` of the test's ScriptedProvider, or call `createScriptedClient` for a worker in the test's own process.

import { request } from 'node:http';
import type { SandboxProvider, StepContext } from '../../src/sandbox/provider.ts';

/** What the test tells a method to do. */
export type Instruction =
  | { readonly type: 'return'; readonly value?: unknown }
  /** An Error with these properties. */
  | { readonly type: 'throw'; readonly properties: Readonly<Record<string, unknown>> }
  /** Anything else that JavaScript lets one throw. */
  | { readonly type: 'throwRaw'; readonly value?: unknown }
  /** Throws outside of the method's promise, and never settles. */
  | { readonly type: 'throwElsewhere'; readonly message: string };

/** What the test hears of a call. */
export interface CallMessage {
  readonly method: keyof Omit<SandboxProvider, 'name' | 'location' | 'secrets'>;
  readonly pid: number;
  readonly attempt: number;
  readonly args: readonly unknown[];
}

export const ignoreSignalHeader = 'x-ignore-signal';
export const callIdHeader = 'x-call-id';

export function createScriptedClient(url: string, name: string): SandboxProvider {
  const call = (method: CallMessage['method'], context: StepContext, ...args: unknown[]) =>
    callTest(url, { method, pid: process.pid, attempt: context.attempt, args }, context);
  return {
    name,
    createSandbox: (asked, context) => call('createSandbox', context, asked) as never,
    ensureAgent: (sandbox, asked, context) => call('ensureAgent', context, sandbox, asked) as never,
    createSession: (sandbox, endpoint, asked, context) =>
      call('createSession', context, sandbox, endpoint, asked) as never,
    endSession: (sandbox, endpoint, session, context) =>
      call('endSession', context, sandbox, endpoint, session) as never,
    destroySandbox: (key, context) => call('destroySandbox', context, key) as never,
    listSandboxes: (context) => call('listSandboxes', context) as never,
  };
}

function callTest(url: string, message: CallMessage, { signal, log }: StepContext): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  log(`${message.method} asks the test`);
  const asking = request(`${url}/calls`, { method: 'POST', agent: false }, (answering) => {
    const end = () => {
      if (answering.headers[ignoreSignalHeader] !== undefined) return;
      reject(signal.reason);
      asking.destroy();
    };
    const onAbort = () => {
      request(`${url}/aborted/${answering.headers[callIdHeader]}`, { method: 'POST', agent: false })
        .on('response', (told) => told.resume())
        .on('error', () => {})
        // The test knows: otherwise this process could end before it is told.
        .on('close', end)
        .end();
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    let body = '';
    answering.setEncoding('utf8');
    answering.on('data', (chunk: string) => {
      body += chunk;
    });
    answering.on('error', reject);
    answering.on('end', () => {
      signal.removeEventListener('abort', onAbort);
      try {
        resolve(follow(JSON.parse(body) as Instruction));
      } catch (error) {
        reject(error);
      }
    });
  });
  asking.on('error', (error) => reject(new Error('the test of this provider is gone', { cause: error })));
  asking.end(JSON.stringify(message));
  return promise;
}

function follow(instruction: Instruction): unknown {
  switch (instruction.type) {
    case 'return':
      return revive(instruction.value);
    case 'throw':
      throw Object.assign(new Error(String(instruction.properties.message)), instruction.properties);
    case 'throwRaw':
      throw instruction.value;
    case 'throwElsewhere':
      setImmediate(() => {
        throw new Error(instruction.message);
      });
      return new Promise(() => {});
  }
}

/** `listSandboxes` answers with dates. */
function revive(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((each) =>
    typeof each?.createdAt === 'string' ? { ...each, createdAt: new Date(each.createdAt) } : each,
  );
}

export default function fromEnvironment(): SandboxProvider {
  const { SCRIPTED_PROVIDER_URL: url, SCRIPTED_PROVIDER_NAME: name = 'scripted' } = process.env;
  if (!url) throw new Error('SCRIPTED_PROVIDER_URL is not set');
  return createScriptedClient(url, name);
}
