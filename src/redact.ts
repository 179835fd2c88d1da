const secrets: readonly [pattern: RegExp, replacement: string][] = [
  // The user of a URL, as far as its last `@`: passwords hold them too.
  [/\/\/[^/\s?#'"]*@/g, '//***@'],
  [/\b(basic|bearer)\s+\S{6,}/gi, '$1 ***'],
  [/[\w-]*(token|password|passwd|secret|api[_-]?key)\w*["']?(\s*[:=]\s*["']?|\s+["'])[^\s"']+/gi, '***'],
  // Options and headers with their value behind a space.
  [/((?:--|\bx-)[\w-]*(?:token|password|passwd|secret|key))\s+\S+/gi, '$1 ***'],
  // Keys that tell by their beginning: of Anthropic and OpenAI, GitHub, GitLab, Slack, AWS.
  [/\b(sk-|gh[opsur]_|github_pat_|glpat-|xox[a-z]-|AKIA)[\w-]{6,}/g, '***'],
];

/** The text without what looks like a credential: for whatever is shown to people or logged and has come from elsewhere. */
export function redact(text: string): string {
  return secrets.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text);
}
