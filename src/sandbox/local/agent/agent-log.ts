import { readFile } from 'node:fs/promises';

// The lines of sandbox-agent's log that this file reads. The log is no public interface: what it says may change with any
// version, and then a request could be sent twice and errors lose their reason. So the version is pinned in package.json, and
// test/sandbox/agent-log.test.ts compares these patterns with what the installed version writes. See
// docs/decisions/0010-agent-server.md.
const lines = {
  /**
   * The server has written a request of a conversation to the agent's stdin. The earlier lines `POST received` and
   * `post: request` are no evidence: the server forgets the request when its sender dies before this line, for example while
   * the agent's process starts or its stdin is not ready yet.
   */
  forwarded: (conversation: string, requestId: string) => [
    'message="stdin: write+flush complete" ',
    ` id="\\"${requestId}\\"" `,
    `uri="/v1/acp/${conversation}?`,
  ],
  /** The server has started the agent's process of a conversation. */
  spawned: (conversation: string) => ['agent process spawned"', `uri="/v1/acp/${conversation}?`],
  pid: / pid=(\d+)/,
  /** The agent has written a line to stderr. */
  agentStderr: /message="agent stderr: (.*?)" line_number=/,
  /** The server reports an error of its own. */
  serverError: / error="(.*)"$/,
  /** A line that is not the server's: of the shell that starts it. */
  shellError: /^(?!ts=)(.*\S.*)$/,
} as const;

/**
 * What the server writes to its log, in the form of `RUST_LOG`: the lines above, one of which is at level debug. Only within
 * requests, because at that level it also logs each update of an agent.
 */
export const logFilter =
  'warn,sandbox_agent=info,acp_http_adapter=info,sandbox_agent::router[http.request]=debug';

/**
 * The agent server's log. It tells what the server's API does not: which requests the server has given to an agent, also
 * those of other processes, the pids of the agents, and what the agents wrote to stderr.
 */
export class AgentLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether the server has given the request `id` of a conversation to the agent. */
  async hasForwarded(conversation: string, id: string): Promise<boolean> {
    const parts = lines.forwarded(conversation, id);
    return (await this.#read()).some((line) => parts.every((part) => line.includes(part)));
  }

  /** The pid of the agent's process in a conversation; undefined when none was started. */
  async agentPid(conversation: string): Promise<number | undefined> {
    const parts = lines.spawned(conversation);
    const line = (await this.#read()).findLast((line) => parts.every((part) => line.includes(part)));
    return Number(lines.pid.exec(line ?? '')?.[1]) || undefined;
  }

  /** The last lines that the agents wrote to stderr, or else the server's last errors, as ` (…)`; '' without any. */
  async recentErrors(): Promise<string> {
    const log = await this.#read();
    return lastOf(log, lines.agentStderr) || lastOf(log, lines.serverError);
  }

  /** The last lines of the shells that start the server, in the same form. */
  async shellErrors(): Promise<string> {
    return lastOf(await this.#read(), lines.shellError);
  }

  async #read(): Promise<string[]> {
    return (await readFile(this.#path, 'utf8').catch(() => '')).split('\n');
  }
}

function lastOf(log: readonly string[], pattern: RegExp): string {
  const found = log.map((line) => pattern.exec(line)?.[1]).filter((each) => each !== undefined);
  const text = found.slice(-3).join(' / ').slice(0, 400);
  return text === '' ? '' : ` (${text})`;
}
