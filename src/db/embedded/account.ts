import { readFile } from 'node:fs/promises';
import { EmbeddedPostgresError } from './error.ts';
import { type Account, canRun } from './tool.ts';

/** In this order; none is ever created. `nobody` exists on every Linux. */
const candidates = ['postgres', '_postgres', 'nobody', 'daemon'];

function runsAsRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Who PostgreSQL runs as: undefined is ourselves. It refuses to run as root, and initdb refuses a user without an
 * entry in passwd. `owner` is the uid that owns the data already, if there are any: it is the only one that can go on.
 */
export async function chooseAccount(owner: number | undefined): Promise<Account | undefined> {
  if (!runsAsRoot()) return undefined;
  const accounts = parsePasswd(await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const usable =
    owner === undefined
      ? candidates.flatMap((name) => accounts.find((account) => account.name === name) ?? [])
      : accounts.filter((account) => account.uid === owner);
  for (const account of usable) {
    // Fails where the container may not change users, or does not map this one.
    if (await canRun(account, '/bin/sh', ['-c', 'exit 0'])) return account;
  }
  throw new EmbeddedPostgresError(
    owner === undefined
      ? 'PostgreSQL refuses to run as root, and no other user could be used: run as a normal user, or set DATABASE_URL'
      : `the embedded database belongs to user id ${owner}, which root cannot run PostgreSQL as`,
  );
}

function parsePasswd(text: string): Account[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    const account = { name: name ?? '', uid: Number(uid), gid: Number(gid) };
    // Ids that do not fit are macOS's way to write negative ones; spawn refuses them.
    return account.uid > 0 && account.uid < 2 ** 31 && account.gid < 2 ** 31 ? [account] : [];
  });
}
