import { join } from 'node:path';
import { sandboxEnvVar } from '../processes.ts';
import type { SandboxPaths } from '../sandbox-paths.ts';

// What a program needs to run, and what agents sign in with. The server's own secrets (its database, its token) are in
// the same environment and must not reach an agent, so this is a list of what passes.
const passes = [
  /^(PATH|LANG|LC_.*|TZ|TERM|TMPDIR|USER|LOGNAME|SHELL|SSH_AUTH_SOCK)$/,
  // So that tests see what they leave running.
  /^GROUNDCREW_TEST_RUN$/,
  /^(https?|all|no)_proxy$/i,
  /^(SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE)$/,
  /^(ANTHROPIC|CLAUDE|OPENAI|CODEX|OPENCODE|AMP|CURSOR|GEMINI|GOOGLE|OPENROUTER|GROQ|MISTRAL|XAI|DEEPSEEK)_/,
];

/** The environment of everything that runs in the sandbox. */
export function agentEnvironment(paths: SandboxPaths): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && passes.some((pattern) => pattern.test(entry[0])),
  );
  return {
    ...Object.fromEntries(inherited),
    HOME: paths.home,
    XDG_DATA_HOME: join(paths.home, '.local', 'share'),
    XDG_CONFIG_HOME: join(paths.home, '.config'),
    XDG_CACHE_HOME: join(paths.home, '.cache'),
    [sandboxEnvVar]: paths.root,
  };
}

/** Tells the processes of one agent server in a sandbox from those of the next. */
export const serverMark = (number: number) => `GROUNDCREW_AGENT_SERVER=${number}`;
