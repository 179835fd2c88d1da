import { readFile } from 'node:fs/promises';

/**
 * The agent server's log, where it says what no answer of its API does: which requests it has received, from whomever,
 * and what an agent wrote to stderr.
 */
export class AgentLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether the server has received the request `id` for a conversation, and so given it to the agent. */
  async hasReceived(conversation: string, id: string): Promise<boolean> {
    const wanted = [`POST received" server_id=${conversation} `, ` id="\\"${id}\\"" `];
    return (await this.#lines()).some((line) => wanted.every((part) => line.includes(part)));
  }

  /** The pid of the agent's process in a conversation. */
  async processOf(conversation: string): Promise<number | undefined> {
    const line = (await this.#lines()).findLast(
      (line) => line.includes('agent process spawned"') && line.includes(`uri="/v1/acp/${conversation}?`),
    );
    return Number(/ pid=(\d+)/.exec(line ?? '')?.[1]) || undefined;
  }

  /** The last that an agent, or else the server itself, had to say; in brackets, or nothing. */
  async recentErrors(): Promise<string> {
    const lines = await this.#lines();
    const all = (pattern: RegExp) =>
      lines.map((line) => pattern.exec(line)?.[1]).filter((found) => found !== undefined);
    const agents = all(/message="agent stderr: (.*?)" line_number=/);
    const words = (agents.length > 0 ? agents : all(/ error="(.*)"$/)).slice(-3).join(' / ').slice(0, 400);
    return words === '' ? '' : ` (${words})`;
  }

  async #lines(): Promise<string[]> {
    return (await readFile(this.#path, 'utf8').catch(() => '')).split('\n');
  }
}
