import { describe, expect, it } from 'vitest';
import { GitError } from '../../src/git/git-error.ts';

// What git 2.39 and 2.47 print, shortened.
const outputs: Array<[failure: string, reason: string, stderr: string]> = [
  [
    'program_missing',
    'git-lfs filter-process: 1: git-lfs: not found',
    `git-lfs filter-process: 1: git-lfs: not found
fatal: the remote end hung up unexpectedly`,
  ],
  [
    'program_missing',
    'bash: line 1: git-lfs: command not found',
    `bash: line 1: git-lfs: command not found
error: external filter 'git-lfs smudge -- %f' failed 127
error: external filter 'git-lfs smudge -- %f' failed
fatal: a.bin: smudge filter lfs failed`,
  ],
  [
    'program_missing',
    "git: 'lfs' is not a git command. See 'git --help'.",
    `git: 'lfs' is not a git command. See 'git --help'.

The most similar command is
	log
fatal: the remote end hung up unexpectedly`,
  ],
  [
    'unsupported',
    'fatal: unknown repository extension found: refstorage',
    `fatal: unknown repository extension found:
	refstorage
fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.`,
  ],
  [
    'unsupported',
    'fatal: Expected git repo version <= 1, found 2',
    'fatal: Expected git repo version <= 1, found 2',
  ],
  [
    'unsupported',
    'fatal: bad config line 1 in file ./config',
    `fatal: bad config line 1 in file ./config
fatal: Could not read from remote repository.`,
  ],
  [
    'partial',
    'remote: fatal: could not fetch d00491fd7e5bb6fa28c517a0bb32b8b506539d4d from promisor remote',
    `remote: warning: lazy fetching disabled; some objects may not be available
remote: fatal: could not fetch d00491fd7e5bb6fa28c517a0bb32b8b506539d4d from promisor remote
error: git upload-pack: git-pack-objects died with error.
remote: aborting due to possible repository corruption on the remote side.
fatal: protocol error: bad pack header
fatal: git upload-pack: aborting due to possible repository corruption on the remote side.`,
  ],
  [
    'remote_damaged',
    'remote: fatal: unable to read d00491fd7e5bb6fa28c517a0bb32b8b506539d4d',
    `remote: fatal: unable to read d00491fd7e5bb6fa28c517a0bb32b8b506539d4d
error: git upload-pack: git-pack-objects died with error.
remote: aborting due to possible repository corruption on the remote side.
fatal: early EOF
fatal: fetch-pack: invalid index-pack output`,
  ],
  [
    'not_found',
    'git@github.com: Permission denied (publickey).',
    `Warning: Permanently added 'github.com' (ED25519) to the list of known hosts.
git@github.com: Permission denied (publickey).
fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.`,
  ],
  [
    'not_found',
    'Host key verification failed.',
    `Host key verification failed.
fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.`,
  ],
  [
    'not_found',
    "fatal: repository 'https://github.com/o/r/' not found",
    `remote: Repository not found.
fatal: repository 'https://github.com/o/r/' not found`,
  ],
  [
    'unreachable',
    'ssh: Could not resolve hostname h: Name or service not known',
    `ssh: Could not resolve hostname h: Name or service not known
fatal: Could not read from remote repository.`,
  ],
  [
    'unreachable',
    'fatal: Could not read from remote repository.',
    `fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.`,
  ],
  [
    'damaged',
    'error: object file /d/objects/ab/cd is empty',
    `error: object file /d/objects/ab/cd is empty
fatal: loose object abcd (stored in /d/objects/ab/cd) is corrupt`,
  ],
  ['other', 'fatal: unable to write new index file', 'fatal: unable to write new index file'],
  [
    'other',
    "error: unable to read askpass response from '/x'",
    "error: unable to read askpass response from '/x'",
  ],
  ['other', 'exit code 1', ''],
];

describe('GitError', () => {
  it.each(outputs)('classifies as %s and names the reason %j', (failure, reason, stderr) => {
    const error = new GitError('fetch', stderr, 1);
    expect(error.failure).toBe(failure);
    expect(error.message).toBe(`git fetch failed: ${reason}`);
  });

  it('contains no password of a URL', () => {
    const error = new GitError('fetch', 'fatal: unable to access https://u:hunter2@host/r', 128);
    expect([error.message, error.stderr].join()).not.toContain('hunter2');
  });
});
