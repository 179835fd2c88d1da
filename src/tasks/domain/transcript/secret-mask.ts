import { cleanText } from './clean.ts';
import type { Said } from './said.ts';

/** What is shown in place of a secret. */
const shown = '[secret]';
/** Characters of one run that wait for what follows. */
const maxHeld = 10_000;

/** Chunks of one run, whose end may be the beginning of a secret, or of a character. */
interface Held {
  readonly kind: 'agent_message' | 'agent_thought';
  readonly messageId: string | null;
  readonly text: string;
}

/**
 * Keeps secrets out of what an agent says, also when it says one in several pieces: a piece whose end may be the
 * beginning of a secret waits for what follows it. So does one that ends with half of a character. What passes is clean.
 */
export class SecretMask {
  readonly #secrets: readonly string[];
  /** As they stand in JSON. */
  readonly #escaped: readonly string[];
  #held: Held | null = null;

  constructor(secrets: readonly string[]) {
    // The longest first: one may be a part of another.
    this.#secrets = [...new Set(secrets)]
      .filter((secret) => secret !== '')
      .sort((a, b) => b.length - a.length);
    this.#escaped = this.#secrets.map((secret) => JSON.stringify(secret).slice(1, -1));
  }

  /** Whether text is held back: what was read of it must not count as stored. */
  get isHolding(): boolean {
    return this.#held !== null;
  }

  /** A whole message, as JSON. */
  maskJson(json: string): string {
    return this.#escaped.reduce((masked, secret) => masked.replaceAll(secret, shown), json);
  }

  /** What may be shown now that this was said. */
  pass(said: Said): Said[] {
    if (said.type === 'other') return [];
    const passed: Said[] = [];
    const held = this.#held;
    const isSameRun =
      held && said.type === 'chunk' && said.kind === held.kind && said.messageId === held.messageId;
    if (!isSameRun) passed.push(...this.release());
    this.#held = null;
    if (said.type !== 'chunk') return [...passed, said];
    const text = this.#secrets.reduce(
      (masked, secret) => masked.replaceAll(secret, shown),
      (isSameRun ? held.text : '') + said.text,
    );
    // All of it waits: a follower that goes on from what is stored reads whole messages.
    if (text.length <= maxHeld && (this.#endsLikeBeginning(text) || /[\uD800-\uDBFF]$/.test(text))) {
      this.#held = { kind: said.kind, messageId: said.messageId, text };
      return passed;
    }
    return [...passed, { ...said, text: cleanText(text) }];
  }

  /** What was held back, when nothing more can follow it. */
  release(): Said[] {
    const held = this.#held;
    this.#held = null;
    return held ? [{ type: 'chunk', ...held, text: cleanText(held.text) }] : [];
  }

  /** Whether a secret begins with an end of the text. */
  #endsLikeBeginning(text: string): boolean {
    return this.#secrets.some((secret) => {
      for (let length = Math.min(secret.length - 1, text.length); length > 0; length -= 1) {
        if (secret.startsWith(text.slice(-length))) return true;
      }
      return false;
    });
  }
}
