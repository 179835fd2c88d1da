import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { EmbeddedPostgresError } from './error.ts';
import { type Account, canRun } from './tool.ts';

/** The first that works is used; none is created. `nobody` exists on every Linux. */
const candidates = ['postgres', '_postgres', 'nobody', 'daemon'];

function runsAsRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * The user that PostgreSQL runs as; undefined: the user of this process. PostgreSQL refuses to run as root, and initdb
 * refuses a user without an entry in passwd. `owner` is the uid that owns the data; undefined while there is none. Data
 * can only be used by its owner.
 */
export async function chooseAccount(owner: number | undefined): Promise<Account | undefined> {
  if (!runsAsRoot()) {
    if (owner === undefined) requirePasswdEntry();
    return undefined;
  }
  const accounts = parsePasswd(await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const usable =
    owner === undefined
      ? candidates.flatMap((name) => accounts.find((account) => account.name === name) ?? [])
      : accounts.filter((account) => account.uid === owner);
  for (const account of usable) {
    // Fails where the container may not change users, or does not map this user.
    if (await canRun(account, '/bin/sh', ['-c', 'exit 0'])) return account;
  }
  throw new EmbeddedPostgresError(
    owner === undefined
      ? 'PostgreSQL refuses to run as root, and no other user could be used: run as a normal user, or set DATABASE_URL'
      : `the embedded database belongs to user id ${owner}, which root cannot run PostgreSQL as`,
  );
}

/** A cluster that was made already runs without one. */
function requirePasswdEntry(): void {
  try {
    userInfo();
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `PostgreSQL makes no database for user id ${process.getuid?.()}, which has no entry in /etc/passwd: ` +
        'run as a user that has one, or set DATABASE_URL',
      { cause },
    );
  }
}

function parsePasswd(text: string): Account[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    const account = { name: name ?? '', uid: Number(uid), gid: Number(gid) };
    // macOS writes negative ids as large numbers; spawn refuses them.
    return account.uid > 0 && account.uid < 2 ** 31 && account.gid < 2 ** 31 ? [account] : [];
  });
}
