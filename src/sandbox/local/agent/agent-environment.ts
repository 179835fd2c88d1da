import { join } from 'node:path';
import { markersEnvironment } from '../processes.ts';
import type { LocalSandbox } from '../sandbox-paths.ts';

// The variables that the agent inherits: what a program needs to run, and what agents sign in with. A list of what is
// allowed, because Groundcrew's own secrets (DATABASE_URL, GROUNDCREW_TOKEN) must not reach an agent.
const allowed = [
  /^(PATH|LANG|LC_.*|TZ|TERM|TMPDIR|USER|LOGNAME|SHELL|SSH_AUTH_SOCK)$/,
  // Lets a test run find the processes that it leaves.
  /^GROUNDCREW_TEST_RUN$/,
  /^(https?|all|no)_proxy$/i,
  /^GIT_(SSH|SSH_COMMAND|SSH_VARIANT|SSL_CAINFO|SSL_CAPATH|SSL_CERT|SSL_KEY|SSL_NO_VERIFY)$/,
  /^(SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE)$/,
  /^(ANTHROPIC|CLAUDE|OPENAI|CODEX|OPENCODE|AMP|CURSOR|GEMINI|GOOGLE|OPENROUTER|GROQ|MISTRAL|XAI|DEEPSEEK)_/,
];

/** The environment of every process that runs in the sandbox. */
export function agentEnvironment({ home, marker }: LocalSandbox): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && allowed.some((pattern) => pattern.test(entry[0])),
  );
  return {
    ...Object.fromEntries(inherited),
    HOME: home,
    XDG_DATA_HOME: join(home, '.local', 'share'),
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_CACHE_HOME: join(home, '.cache'),
    ...markersEnvironment(marker),
  };
}

/** Shorter values are no secrets, and would hide ordinary words. */
const minSecretLength = 8;

/** The values among those that agents inherit which nobody may read in a transcript. */
export function secretsOfAgents(environment: NodeJS.ProcessEnv): string[] {
  return Object.entries(environment).flatMap(([name, value = '']) =>
    allowed.some((pattern) => pattern.test(name)) &&
    /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/.test(name) &&
    value.length >= minSecretLength
      ? value
      : [],
  );
}
