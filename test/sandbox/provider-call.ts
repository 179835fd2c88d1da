/**
 * Provisions a sandbox in a process of its own: provider-call.ts DATA_DIR REPOSITORY KEY AGENT. Prints the session's id, or the
 * error as JSON.
 */
import { pino } from 'pino';
import { createLocalProvider } from '../../src/sandbox/local/local-provider.ts';

const [dataDir = '', repoUrl = '', key = '', agent = ''] = process.argv.slice(2);
const provider = createLocalProvider({ dataDir, allowLocalRepos: true, logger: pino({ level: 'silent' }) });
const context = { signal: AbortSignal.timeout(120_000), attempt: 1, log: () => {} };

try {
  const sandbox = await provider.createSandbox(
    { key, taskId: 'task_1', repoUrl, branch: key, baseRef: null },
    context,
  );
  const endpoint = await provider.ensureAgent(sandbox, { agent }, context);
  const request = { key: `session-${key}`, agent, prompt: `Prompt of ${key}` };
  console.log((await provider.createSession(sandbox, endpoint, request, context)).sessionId);
} catch (error) {
  const { code, retryable, message } = error as Error & { code?: string; retryable?: boolean };
  console.log(JSON.stringify({ code, retryable, message }));
}
