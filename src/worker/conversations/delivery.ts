import type { AgentStream } from '../../agents/agent-stream.ts';
import type { Agenda } from './agenda.ts';

export interface Awaited {
  /** Tells it apart from others that are waited for. */
  readonly name: string;
  /** Milliseconds until the first look. */
  readonly afterMs: number;
  /** Milliseconds for which the stream must have been quiet, and between two looks. */
  readonly quietMs: number;
  isWanted(): boolean;
  work(): void;
}

/** Finds out when an agent's stream has delivered all that the agent has said. */
export class Delivery {
  readonly #agenda: Agenda;
  stream: AgentStream | undefined;

  constructor(agenda: Agenda) {
    this.#agenda = agenda;
  }

  /** Runs `work` in the loop once all is delivered, unless it is not wanted any more by then. */
  whenComplete(awaited: Awaited): void {
    const { name, afterMs, quietMs, isWanted, work } = awaited;
    const look = async () => {
      const isComplete = await this.#isComplete(quietMs);
      this.#agenda.soon(() => {
        if (!isWanted()) return;
        if (isComplete) work();
        else this.whenComplete({ ...awaited, afterMs: quietMs });
      });
    };
    this.#agenda.at(name, afterMs, () => {
      if (isWanted()) look().catch(() => {}); // rejects when the follower has ended
    });
  }

  async #isComplete(quietMs: number): Promise<boolean> {
    const { stream } = this;
    if (!stream || stream.hasEvents || (stream.quietForMs ?? 0) < quietMs) return false;
    return (await stream.look()) && !stream.hasEvents;
  }
}
