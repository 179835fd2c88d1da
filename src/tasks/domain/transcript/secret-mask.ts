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
  /** All secrets as they are, and as they stand in JSON, also in JSON that is a string of JSON. The longest first. */
  readonly #forms: readonly string[];
  #held: Held | null = null;

  constructor(secrets: readonly string[]) {
    const forms = secrets
      .filter((secret) => secret !== '')
      .flatMap((secret) => [secret, inJson(secret), inJson(inJson(secret))]);
    // One may be a part of another.
    this.#forms = [...new Set(forms)].sort((a, b) => b.length - a.length);
  }

  /** Whether text is held back: what was read of it must not count as stored. */
  get isHolding(): boolean {
    return this.#held !== null;
  }

  /** A whole message, as JSON. Only what is inside of its strings changes, however that is escaped. */
  maskJson(json: string): string {
    if (this.#forms.length === 0) return json;
    // Without an escape each string stands in it as it is.
    if (!json.includes('\\')) return this.#replace(json);
    return mapStrings(json, (literal) => this.#maskLiteral(literal));
  }

  /** A text, which may contain JSON. */
  maskText(text: string): string {
    return this.#replace(text.includes('\\') ? this.maskJson(text) : text);
  }

  #maskLiteral(literal: string): string {
    if (!literal.includes('\\')) return this.#replace(literal);
    const text = parseString(literal);
    if (text === undefined) return this.#replace(literal);
    const masked = this.maskText(text);
    return masked === text ? literal : JSON.stringify(masked);
  }

  #replace(text: string): string {
    return this.#forms.reduce((masked, form) => masked.replaceAll(form, shown), text);
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
    // A line that is no JSON was not masked as such.
    if (said.type === 'unreadable') return [...passed, { ...said, text: this.maskText(said.text) }];
    if (said.type !== 'chunk') return [...passed, said];
    const text = this.maskText((isSameRun ? held.text : '') + said.text);
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
    return this.#forms.some((form) => {
      for (let length = Math.min(form.length - 1, text.length); length > 0; length -= 1) {
        if (form.startsWith(text.slice(-length))) return true;
      }
      return false;
    });
  }
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Undefined for what is no string of JSON. */
function parseString(literal: string): string | undefined {
  try {
    return JSON.parse(literal);
  } catch {
    return undefined;
  }
}

/** Changes each string of a JSON text, with its quotes, and leaves all else as it is. Reads each character once. */
function mapStrings(json: string, change: (literal: string) => string): string {
  const special = /["\\]/g;
  let mapped = '';
  let done = 0;
  for (let begin = json.indexOf('"'); begin >= 0; begin = json.indexOf('"', done)) {
    special.lastIndex = begin + 1;
    let found = special.exec(json);
    while (found?.[0] === '\\') {
      special.lastIndex = found.index + 2;
      found = special.exec(json);
    }
    // It has no end.
    if (!found) break;
    mapped += json.slice(done, begin) + change(json.slice(begin, found.index + 1));
    done = found.index + 1;
  }
  return mapped + json.slice(done);
}
