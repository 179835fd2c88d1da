import type { PendingPrompt } from '../../tasks/store/pending-work.ts';

/**
 * Milliseconds for which the next prompt waits. An agent that has got the unknown one may think for a while; what it says
 * meanwhile can only be about that one.
 */
const queueWaitsMs = 15_000;

/** The prompts of which nobody knows whether the agent has got them. Its words, or its response, may still show it. */
export class UnknownPrompts {
  /** Oldest first. */
  readonly #prompts = new Map<string, PendingPrompt>();
  /** In the time of `performance.now()`. */
  #waitsUntil = 0;

  add(prompt: PendingPrompt): void {
    this.#prompts.set(prompt.id, prompt);
    if (prompt.isPassedOver) return;
    this.#waitsUntil = performance.now() + queueWaitsMs - (prompt.unknownForMs ?? 0);
  }

  get(id: string): PendingPrompt | undefined {
    return this.#prompts.get(id);
  }

  /** Milliseconds until the next prompt may be sent. */
  get waitMs(): number {
    return Math.max(0, this.#waitsUntil - performance.now());
  }

  /** The one that an agent works on which says something and has no other prompt. Undefined when it could be several. */
  get workedOn(): PendingPrompt | undefined {
    const [prompt, ...others] = [...this.#prompts.values()].filter(({ isPassedOver }) => !isPassedOver);
    return others.length === 0 ? prompt : undefined;
  }

  /** The agent has got it, and the next prompt waits no more for it. */
  remove(id: string): void {
    this.#prompts.delete(id);
    this.#waitsUntil = 0;
  }

  /** The agent has ended its work on a later prompt: what it says from now on is not about these. */
  passOver(): void {
    for (const prompt of this.#prompts.values())
      this.#prompts.set(prompt.id, { ...prompt, isPassedOver: true });
  }
}
