import { stripVTControlCharacters } from 'node:util';

const secrets: readonly [pattern: RegExp, replacement: string][] = [
  // The user of a URL, up to its last `@`: a password may contain others.
  [/\/\/[^/\s?#'"]*@/g, '//***@'],
  [/\b(basic|bearer)\s+\S{6,}/gi, '$1 ***'],
  [/[\w-]*(token|password|passwd|secret|api[_-]?key)\w*["']?(\s*[:=]\s*["']?|\s+["'])[^\s"']+/gi, '***'],
  // Options and headers whose value follows a space.
  [/((?:--|\bx-)[\w-]*(?:token|password|passwd|secret|key))\s+\S+/gi, '$1 ***'],
  // Keys with a known beginning: our own tokens, keys of Anthropic and OpenAI, GitHub, GitLab, Slack, AWS.
  [/\b(gc_|sk-|gh[opsur]_|github_pat_|glpat-|xox[a-z]-|AKIA)[\w-]{6,}/g, '***'],
];

/** Other than line breaks and tabs. Marks of direction make a text look like another one. */
const controls = /[^\P{Cc}\n\t]|\p{Bidi_Control}/gu;

/**
 * Replaces what looks like a credential, and removes what a terminal would take for a command. For all text from outside
 * that is logged or shown to people.
 */
export function redact(text: string): string {
  const plain = stripVTControlCharacters(text).replaceAll(/\r\n?/g, '\n').replace(controls, '');
  return secrets.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), plain);
}
