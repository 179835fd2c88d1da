import { redact } from '../redact.ts';
import type { TaskErrorCode } from '../tasks/domain/error-codes.ts';

/** Why git failed, as far as its output tells. */
export type GitFailure = 'not_found' | 'unreachable' | 'locked' | 'timeout' | 'other';

/** Git ended with an error. `message` and `stderr` contain no credentials. */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly code = 'GIT_FAILED' satisfies TaskErrorCode;
  readonly failure: GitFailure;
  readonly stderr: string;
  readonly exitCode: number | null;

  constructor(command: string, stderr: string, exitCode: number | null, failure?: GitFailure) {
    const clean = redact(stderr).trim();
    super(`git ${command} failed: ${firstReason(clean) || `exit code ${exitCode}`}`);
    this.stderr = clean;
    this.exitCode = exitCode;
    this.failure = failure ?? classify(clean);
  }
}

/** The line that says why. Around it git prints progress, hints and what the remote says. */
function firstReason(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const reason = lines.find((line) => /^(fatal|error|ssh|remote: error|ERROR)\b/.test(line));
  return (reason ?? lines.find((line) => line !== '') ?? '').slice(0, 500);
}

// Tested before `notFound`: after every failure of ssh, git adds that the repository may not exist.
const unreachable =
  /could not resolve|temporary failure in name|name or service not known|connection (refused|reset|closed|timed out)|operation timed out|timed out|network is unreachable|no route to host|failed to connect|couldn't connect|empty reply|early eof|hung up unexpectedly|remote end hung up|operation too slow|(ssl|tls|gnutls)[_ ]|certificate|returned error: (408|425|429|5\d\d)|http (408|425|429|5\d\d)/i;

const notFound =
  /not found|does not appear to be a git repository|does not exist|no such file or directory|authentication failed|could not read (username|password)|terminal prompts disabled|permission denied|access denied|host key verification failed|not valid: is this a git repository|not a git repository|invalid gitfile format|unable to update url base|dubious ownership|returned error: 4\d\d|not exported/i;

const locked = /\.lock': file exists|unable to create .*\.lock|cannot lock ref|unable to lock/i;

function classify(stderr: string): GitFailure {
  if (locked.test(stderr)) return 'locked';
  if (unreachable.test(stderr)) return 'unreachable';
  if (notFound.test(stderr)) return 'not_found';
  // Sometimes this is all that ssh says.
  if (/could not read from remote repository/i.test(stderr)) return 'unreachable';
  return 'other';
}
