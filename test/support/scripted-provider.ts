// A sandbox provider whose answers a test decides, for workers in the test's process or in processes of their own.
//
//   await using provider = await startScriptedProvider();
//   startProcess(['node', 'src/main.ts', 'worker'], { env: { DATABASE_URL, ...provider.env } });
//   // or, in this process: new Worker({ providers: provider.providers, … })
//
//   provider.on('createSandbox', fails({ code: 'NO_ROOM' }), { times: 2 });        // then succeeds
//   provider.on('ensureAgent', hangs(), { ignoresSignal: true });
//   provider.on('createSession', ({ call }) => { process.kill(call.pid, 'SIGKILL'); return never(); });
//   const call = await provider.waitForCall('createSandbox');                      // the first one
//   await call.aborted;                                                            // its signal has aborted
//
// A rule is asked in the test's process at each call that it fits; the newest rule that fits wins, and `succeeds` is what
// happens without one. A rule is a function of the turn: `call` says who asks for what, and `effect()` does what a real
// provider would do and returns its answer, so that a test chooses what happens before the effect, between effect and
// answer, and whether there is an effect at all:
//
//   before the call's effect     (turn) => { kill(turn.call.pid); return never(); }
//   after the effect, no answer  (turn) => { turn.effect(); kill(turn.call.pid); return never(); }
//   after the answer             (turn) => { turn.call.ended.then(() => kill(turn.call.pid)); return turn.effect(); }
//
// What the effects made lives here, by key, so it outlives every worker: `sandboxes`, `agents`, `sessions`. A repeated call
// adopts what is there, as the contract asks; `made` has each time that something came into being that was not there, in
// order, so an effect that is there twice shows. Agents and sessions go with their sandbox. `lose('agent', …)` takes
// something away behind everybody's back; the next call that needs it fails with AGENT_GONE or SANDBOX_GONE.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type {
  AgentEndpoint,
  CreateSandboxRequest,
  CreateSessionRequest,
  SandboxProvider,
  SandboxRef,
} from '../../src/sandbox/provider.ts';
import type { Providers } from '../../src/sandbox/registry.ts';
import {
  type CallMessage,
  callIdHeader,
  createScriptedClient,
  type Instruction,
  ignoreSignalHeader,
} from './scripted-provider-module.ts';
import { waitFor } from './wait-for.ts';

export type Method = CallMessage['method'];

/** `lost`: the caller was gone, or had stopped listening, before there was an answer. */
export type CallEnd = 'answered' | 'lost';

export interface Call extends CallMessage {
  readonly id: number;
  /** The sandbox's key; the session's for createSession; '' for listSandboxes. */
  readonly key: string;
  /** The sandbox's key in every method but listSandboxes. */
  readonly sandboxKey: string;
  /** performance.now() of the test's process. */
  readonly at: number;
  readonly ended: Promise<CallEnd>;
  /** The signal has aborted. Never settles when it does not. */
  readonly aborted: Promise<void>;
  /** What of it is true by now. */
  readonly state: { ended: CallEnd | null; aborted: boolean; endedAt: number | null };
}

export interface Turn {
  readonly call: Call;
  /** Does what the method is for, and returns its answer. Throws SANDBOX_GONE or AGENT_GONE. */
  effect(): unknown;
}
/** Its value is the method's answer. Throw `Instructed` for anything else. */
export type Behaviour = (turn: Turn) => unknown;

export interface RuleOptions {
  /** Of the calls that fit; all of them by default. */
  readonly times?: number;
  readonly when?: (call: Call) => boolean;
  /** The method goes on when its signal aborts, and answers when the behaviour does. */
  readonly ignoresSignal?: boolean;
}

export interface Rule {
  /** The calls that it was asked about. */
  readonly calls: readonly Call[];
  remove(): void;
}

export interface ScriptedSandbox {
  readonly key: string;
  readonly ref: SandboxRef;
  readonly request: CreateSandboxRequest;
  readonly createdAt: Date;
}
export interface ScriptedSession {
  readonly key: string;
  readonly sessionId: string;
  readonly sandboxKey: string;
  readonly request: CreateSessionRequest;
}

/** Something that was not there came into being. */
export interface Made {
  readonly kind: 'sandbox' | 'agent' | 'session';
  readonly key: string;
  readonly at: number;
}

/** What a behaviour throws to have the method do something else than return. */
class Instructed extends Error {
  readonly instruction: Instruction;
  constructor(instruction: Instruction) {
    super(instruction.type);
    this.instruction = instruction;
  }
}

export const never = () => new Promise<never>(() => {});
export const succeeds = (): Behaviour => (turn) => turn.effect();
/** Without an effect. The properties are the error's: `code`, `message`, `retryable`, … */
export const fails =
  (properties: Readonly<Record<string, unknown>> = {}): Behaviour =>
  () => {
    throw new Instructed({ type: 'throw', properties: { message: 'scripted failure', ...properties } });
  };
/** The effect is there, and the caller hears of a failure. */
export const failsAfterwards =
  (properties: Readonly<Record<string, unknown>> = {}): Behaviour =>
  (turn) => {
    turn.effect();
    return fails(properties)(turn);
  };
/** Without an effect and without an end, but for the signal. */
export const hangs = (): Behaviour => never;
/** Waits for the test, and then has its effect. */
export const waitsFor =
  (gate: Promise<unknown>): Behaviour =>
  async (turn) => {
    await gate;
    return turn.effect();
  };
export const throwsRaw =
  (value?: unknown): Behaviour =>
  () => {
    throw new Instructed({ type: 'throwRaw', value });
  };
export const throwsElsewhere =
  (message = 'thrown outside of any promise'): Behaviour =>
  () => {
    throw new Instructed({ type: 'throwElsewhere', message });
  };
/** Without an effect; anything that is JSON, or undefined. */
export const returns =
  (value?: unknown): Behaviour =>
  () =>
    value;

interface Scripted {
  readonly method: Method;
  readonly behaviour: Behaviour;
  readonly options: RuleOptions;
  readonly calls: Call[];
}

export class ScriptedProvider implements AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** For a process that is to load this provider. */
  readonly env: Readonly<Record<string, string>>;
  /** For a worker in this process. */
  readonly provider: SandboxProvider;
  readonly providers: Providers;
  /** All that was ever called, in order. */
  readonly calls: Call[] = [];
  readonly sandboxes = new Map<string, ScriptedSandbox>();
  /** By `<sandbox's key>/<agent>`. */
  readonly agents = new Map<string, AgentEndpoint>();
  readonly sessions = new Map<string, ScriptedSession>();
  readonly made: Made[] = [];
  readonly #server: Server;
  readonly #rules: Scripted[] = [];
  readonly #open = new Map<number, { call: Call; abort(): void }>();

  constructor(server: Server, name: string) {
    this.#server = server;
    this.name = name;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.env = {
      GROUNDCREW_PROVIDERS: fileURLToPath(new URL('./scripted-provider-module.ts', import.meta.url)),
      SCRIPTED_PROVIDER_URL: this.url,
      SCRIPTED_PROVIDER_NAME: name,
    };
    this.provider = createScriptedClient(this.url, name);
    this.providers = {
      names: [name],
      get: (asked) => (asked === name ? this.provider : undefined),
    };
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  /** The newest rule that fits a call wins. */
  on(method: Method, behaviour: Behaviour, options: RuleOptions = {}): Rule {
    const rule: Scripted = { method, behaviour, options, calls: [] };
    this.#rules.unshift(rule);
    return {
      calls: rule.calls,
      remove: () => {
        const index = this.#rules.indexOf(rule);
        if (index !== -1) this.#rules.splice(index, 1);
      },
    };
  }

  /** Forgets all rules: everything succeeds from here on. Calls that hang stay as they are. */
  reset(): void {
    this.#rules.length = 0;
  }

  /** So far, with the sandbox's key or the session's where one is given. */
  callsOf(method: Method, key?: string): Call[] {
    return this.calls.filter(
      (call) => call.method === method && (key === undefined || call.key === key || call.sandboxKey === key),
    );
  }

  /** The nth call, 1 the first, that has come or will come. */
  async waitForCall(
    method: Method,
    options: { nth?: number; key?: string; when?: (call: Call) => boolean; timeoutMs?: number } = {},
  ): Promise<Call> {
    const { nth = 1, key, when = () => true, timeoutMs } = options;
    const found = () => this.callsOf(method, key).filter(when)[nth - 1];
    await waitFor(() => found() !== undefined, timeoutMs, `call ${nth} of ${method}`);
    return found() as Call;
  }

  /** How often something came into being under that key. */
  timesMade(kind: Made['kind'], key: string): number {
    return this.made.filter((made) => made.kind === kind && made.key === key).length;
  }

  /** Takes a sandbox, or its agents, away without a word. */
  lose(kind: 'sandbox' | 'agent', sandboxKey: string): void {
    for (const key of this.agents.keys()) if (key.startsWith(`${sandboxKey}/`)) this.agents.delete(key);
    for (const session of this.sessions.values()) {
      if (session.sandboxKey === sandboxKey) this.sessions.delete(session.key);
    }
    if (kind === 'sandbox') this.sandboxes.delete(sandboxKey);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const aborted = /^\/aborted\/(\d+)$/.exec(request.url ?? '');
    if (aborted) {
      this.#open.get(Number(aborted[1]))?.abort();
      response.end();
      return;
    }
    const call = this.#begin(JSON.parse(body) as CallMessage, response);
    const rule = this.#ruleFor(call);
    rule?.calls.push(call);
    // At once, whatever comes of it: the caller has to know what to do when its signal aborts.
    response.writeHead(200, {
      [callIdHeader]: String(call.id),
      ...(rule?.options.ignoresSignal ? { [ignoreSignalHeader]: '1' } : {}),
    });
    response.flushHeaders();
    const instruction = await this.#decide(rule?.behaviour ?? succeeds(), call);
    response.end(JSON.stringify(instruction));
  }

  #begin(message: CallMessage, response: ServerResponse): Call {
    const ended = Promise.withResolvers<CallEnd>();
    const aborted = Promise.withResolvers<void>();
    const state: Call['state'] = { ended: null, aborted: false, endedAt: null };
    const call: Call = {
      ...message,
      ...keysOf(message),
      id: this.calls.length,
      at: performance.now(),
      ended: ended.promise,
      aborted: aborted.promise,
      state,
    };
    this.calls.push(call);
    this.#open.set(call.id, {
      call,
      abort: () => {
        state.aborted = true;
        aborted.resolve();
      },
    });
    response.once('close', () => {
      state.ended = response.writableFinished ? 'answered' : 'lost';
      state.endedAt = performance.now();
      ended.resolve(state.ended);
    });
    return call;
  }

  #ruleFor(call: Call): Scripted | undefined {
    return this.#rules.find(
      ({ method, options, calls }) =>
        method === call.method &&
        calls.length < (options.times ?? Number.POSITIVE_INFINITY) &&
        (options.when?.(call) ?? true),
    );
  }

  async #decide(behaviour: Behaviour, call: Call): Promise<Instruction> {
    try {
      return { type: 'return', value: await behaviour({ call, effect: () => this.#effect(call) }) };
    } catch (error) {
      if (error instanceof Instructed) return error.instruction;
      return { type: 'throw', properties: { message: `the test failed: ${(error as Error).message}` } };
    }
  }

  #effect({ method, key, sandboxKey, args }: Call): unknown {
    switch (method) {
      case 'createSandbox':
        return this.#makeSandbox(args[0] as CreateSandboxRequest);
      case 'ensureAgent':
        return this.#startAgent(sandboxKey, (args[1] as { agent: string }).agent);
      case 'createSession':
        return this.#openSession(sandboxKey, args[1] as AgentEndpoint, args[2] as CreateSessionRequest);
      case 'endSession':
        this.sessions.delete(key);
        return undefined;
      case 'destroySandbox':
        return this.lose('sandbox', key);
      case 'listSandboxes':
        return [...this.sandboxes.values()].map(({ key: listed, createdAt }) => ({ key: listed, createdAt }));
    }
  }

  #makeSandbox(request: CreateSandboxRequest): SandboxRef {
    const { key } = request;
    let sandbox = this.sandboxes.get(key);
    if (!sandbox) {
      const ref = { id: `scripted:${key}`, cwd: `/scripted/${key}`, metadata: { key } };
      sandbox = { key, ref, request, createdAt: new Date() };
      this.sandboxes.set(key, sandbox);
      this.#note('sandbox', key);
    }
    return sandbox.ref;
  }

  #startAgent(sandboxKey: string, agent: string): AgentEndpoint {
    this.#need(this.sandboxes.has(sandboxKey), 'SANDBOX_GONE');
    const key = `${sandboxKey}/${agent}`;
    let endpoint = this.agents.get(key);
    if (!endpoint) {
      const count = this.made.length;
      endpoint = { baseUrl: `http://127.0.0.1:1/${key}`, token: `secret-endpoint-token-${count}` };
      this.agents.set(key, endpoint);
      this.#note('agent', key);
    }
    return endpoint;
  }

  #openSession(
    sandboxKey: string,
    endpoint: AgentEndpoint,
    request: CreateSessionRequest,
  ): { sessionId: string } {
    this.#need(this.sandboxes.has(sandboxKey), 'SANDBOX_GONE');
    const known = [...this.agents].some(
      ([key, each]) => key.startsWith(`${sandboxKey}/`) && each.token === endpoint.token,
    );
    this.#need(known, 'AGENT_GONE');
    const { key } = request;
    let session = this.sessions.get(key);
    if (!session) {
      session = { key, sessionId: `session-of-${key}`, sandboxKey, request };
      this.sessions.set(key, session);
      this.#note('session', key);
    }
    return { sessionId: session.sessionId };
  }

  #need(there: boolean, code: string): void {
    if (!there) throw new Instructed({ type: 'throw', properties: { code, message: 'it is gone' } });
  }

  #note(kind: Made['kind'], key: string): void {
    this.made.push({ kind, key, at: performance.now() });
  }
}

function keysOf({ method, args }: CallMessage): { key: string; sandboxKey: string } {
  switch (method) {
    case 'createSandbox': {
      const { key } = args[0] as CreateSandboxRequest;
      return { key, sandboxKey: key };
    }
    case 'ensureAgent':
    case 'createSession': {
      const sandboxKey = String((args[0] as SandboxRef).metadata?.key);
      const key = method === 'ensureAgent' ? sandboxKey : (args[2] as CreateSessionRequest).key;
      return { key, sandboxKey };
    }
    case 'endSession': {
      const sandboxKey = String((args[0] as SandboxRef).metadata?.key);
      return { key: (args[2] as { key: string }).key, sandboxKey };
    }
    case 'destroySandbox':
      return { key: String(args[0]), sandboxKey: String(args[0]) };
    case 'listSandboxes':
      return { key: '', sandboxKey: '' };
  }
}

export async function startScriptedProvider(name = 'scripted'): Promise<ScriptedProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return new ScriptedProvider(server, name);
}
