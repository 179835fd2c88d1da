import { redact } from '../redact.ts';
import type { TaskErrorCode } from '../tasks/domain/error-codes.ts';

/**
 * Why git failed, as far as its output tells.
 *
 * - `not_found`: the remote does not exist, or may not be read
 * - `unreachable`: the host of the remote does not answer, or broke the connection
 * - `unsupported`: this git does not know the format of the repository, or cannot read its configuration
 * - `partial`: the remote is a partial clone, and cannot send an object that it lacks
 * - `remote_damaged`: an object of the remote is unreadable or missing
 * - `damaged`: an object is unreadable or missing, here or at the remote
 * - `program_missing`: a filter of the checkout, such as git-lfs, is not installed
 */
export type GitFailure =
  | 'not_found'
  | 'unreachable'
  | 'unsupported'
  | 'partial'
  | 'remote_damaged'
  | 'damaged'
  | 'program_missing'
  | 'timeout'
  | 'other';

/** Git ended with an error. `message` and `stderr` contain no credentials. */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly code = 'GIT_FAILED' satisfies TaskErrorCode;
  readonly failure: GitFailure;
  readonly stderr: string;
  readonly exitCode: number | null;

  constructor(command: string, stderr: string, exitCode: number | null, failure?: GitFailure) {
    const clean = redact(stderr).trim();
    super(`git ${command} failed: ${findReason(clean) || `exit code ${exitCode}`}`);
    this.stderr = clean;
    this.exitCode = exitCode;
    this.failure = failure ?? classify(clean);
  }
}

const programMissing =
  /: (command )?not found$|^git: '.*' is not a git command|cannot run .*: No such file or directory/m;

const unsupported =
  /unknown repository extensions? found|expected git repo version|bad (\w+ )?config (line|value|variable)|unknown (ref storage|object) format/i;

const partial = /promisor remote|lazy fetching disabled/i;

const remoteDamaged = /corruption on the remote side/i;

// Tested before `notFound`: after every failure of ssh, git adds that the repository may not exist.
const unreachable =
  /could not resolve|temporary failure in name|name or service not known|connection (refused|reset|closed|timed out)|operation timed out|timed out|network is unreachable|no route to host|failed to connect|couldn't connect|empty reply|early eof|hung up unexpectedly|remote end hung up|operation too slow|(ssl|tls|gnutls)[_ ]|certificate|returned error: (408|425|429|5\d\d)|http (408|425|429|5\d\d)/i;

const notFound =
  /not found|does not appear to be a git repository|does not exist|no such file or directory|authentication failed|could not read (username|password)|terminal prompts disabled|permission denied|access denied|host key verification failed|not valid: is this a git repository|not a git repository|invalid gitfile format|unable to update url base|dubious ownership|returned error: 4\d\d|not exported/i;

const damaged =
  /is corrupt|object file .* is empty|bad object|bad tree object|missing (blob|tree|commit|tag|object)|unable to read (tree|sha1 file|[0-9a-f]{40})|could not read [0-9a-f]{40}|failed to (read object|traverse parents)|(could not|unable to) parse (object|commit)|hash mismatch|unresolved deltas|does not match index|index file .* is too small|not a git packfile|not point to a valid object|cannot read existing object|did not send all necessary objects|inflate:|mmap failed|unable to unpack [0-9a-f]{40}|garbage at end of loose object/i;

function classify(stderr: string): GitFailure {
  if (programMissing.test(stderr)) return 'program_missing';
  if (unsupported.test(stderr)) return 'unsupported';
  if (partial.test(stderr)) return 'partial';
  if (remoteDamaged.test(stderr)) return 'remote_damaged';
  if (damaged.test(stderr)) return 'damaged';
  if (unreachable.test(stderr)) return 'unreachable';
  if (notFound.test(stderr)) return 'not_found';
  // Sometimes this is all that ssh says.
  if (/could not read from remote repository/i.test(stderr)) return 'unreachable';
  return 'other';
}

/** What git adds after a failure of another program, which has told the reason before. */
const consequence =
  /could not read from remote repository|remote end hung up|early eof|invalid index-pack output|protocol error|died with error|possible repository corruption|error: external filter|smudge filter .* failed/i;

const noise =
  /^(hint|warning|warning: permanently added|cloning into|from |remote: (counting|compressing|total|enumerating))|^please make sure|^and the repository exists|^the most similar command/i;

/** The line that says why. Around it git prints progress, hints, and errors that only follow from it. */
function findReason(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !noise.test(line));
  const causes = lines.filter((line) => !consequence.test(line));
  const reason =
    causes.find((line) => programMissing.test(line) || /^remote: (fatal|error)\b/i.test(line)) ??
    causes.find((line) => /^(fatal|error|ssh)\b/i.test(line)) ??
    causes.at(-1) ??
    lines[0] ??
    '';
  // Git lists names below it.
  const continuation = reason.endsWith(':') ? lines[lines.indexOf(reason) + 1] : undefined;
  return (continuation === undefined ? reason : `${reason} ${continuation}`).slice(0, 500);
}
