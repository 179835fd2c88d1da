import { parseArgs } from 'node:util';
import type { Database } from '../tables/database.ts';
import { NotFoundError } from '../tasks/domain/errors.ts';
import { type ApiToken, ownerActor, type TokenScope } from '../tasks/domain/viewer.ts';
import { listApiTokens, revokeApiToken } from '../tasks/store/api-tokens.ts';
import { endCredential } from '../tasks/store/credential-ends.ts';
import { ownersWorkspace } from '../tasks/store/workspaces.ts';
import { makeToken } from '../tasks/tokens.ts';
import { type OperatorDatabase, withDatabase } from './operator-database.ts';
import { UsageError } from './usage-error.ts';

const usage = `Usage:
  npm run token -- create --name NAME --scope SCOPE [--workspace ID] [--expires 30d]
  npm run token -- list [--workspace ID]
  npm run token -- revoke ID

SCOPE is TASKS_READ, TASKS_WRITE or ADMIN. The workspace is the owner's unless another one is named; \`list\` shows all.
--expires takes a number of minutes, hours or days: 90m, 12h, 30d. Without it the token never expires.`;

/** `npm run token`: makes, lists and revokes API tokens. Returns the exit code. */
export async function token(args: readonly string[]): Promise<number> {
  const { positionals, values } = parse(args);
  const [action, ...rest] = positionals;
  switch (action) {
    case 'create':
      if (rest.length > 0) throw new UsageError(usage);
      return withDatabase(({ db }) => create(db, values));
    case 'list':
      if (rest.length > 0) throw new UsageError(usage);
      return withDatabase(({ db }) => list(db, values.workspace ?? null));
    case 'revoke': {
      const [id, ...more] = rest;
      if (id === undefined || more.length > 0) throw new UsageError(usage);
      return withDatabase((database) => revoke(database, id));
    }
    default:
      throw new UsageError(usage);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        scope: { type: 'string', multiple: true },
        workspace: { type: 'string' },
        expires: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${usage}`);
  }
}

type Options = ReturnType<typeof parse>['values'];

async function create(db: Database, { name, scope = [], workspace, expires }: Options): Promise<number> {
  if (name === undefined || scope.length === 0) throw new UsageError(usage);
  const { token: text, apiToken } = await makeToken(
    db,
    {
      workspaceId: workspace ?? (await ownersWorkspace(db)).id,
      name,
      // What is no scope is refused where all input is.
      scopes: scope.flatMap((each) => each.split(',')).map((each) => each.toLowerCase() as TokenScope),
      expiresAt: expires === undefined ? null : instantIn(db.clock.now(), expires),
    },
    ownerActor,
  );
  // The text alone on stdout, so that a script can take it.
  process.stdout.write(`${text}\n`);
  process.stderr.write(`${describe(apiToken)}\nThis text is shown once: only its hash is stored.\n`);
  return 0;
}

async function list(db: Database, workspaceId: string | null): Promise<number> {
  for (const each of await listApiTokens(db, workspaceId)) process.stdout.write(`${describe(each)}\n`);
  return 0;
}

async function revoke({ db, listen }: OperatorDatabase, id: string): Promise<number> {
  // Before the revocation: what servers answer to it is heard.
  const listener = await listen();
  const revoked = await revokeApiToken(db, null, id, ownerActor);
  if (!revoked) throw new NotFoundError('The token does not exist.');
  const silent = await endCredential(db, listener, revoked.id);
  process.stdout.write(`${describe(revoked)}\n`);
  if (silent > 0) process.stderr.write(`${silentServers(silent)}\n`);
  return 0;
}

function silentServers(count: number): string {
  const servers = count === 1 ? 'One API server has' : `${count} API servers have`;
  return `groundcrew: ${servers} not confirmed the revocation. No request with the token succeeds any more, but sockets that it opened there may stay open until the server reaches the database again.`;
}

function describe(each: ApiToken): string {
  const scopes = each.scopes.map((scope) => scope.toUpperCase()).join(',');
  const end = each.revokedAt ? `revoked ${each.revokedAt}` : `expires ${each.expiresAt ?? 'never'}`;
  const used = `used ${each.lastUsedAt ?? 'never'}`;
  return [each.id, each.prefix, each.name, scopes, each.workspaceId, end, used].join('\t');
}

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function instantIn(now: string, duration: string): string {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(duration) ?? [];
  if (count === undefined) throw new UsageError(`--expires must be like 90m, 12h or 30d.\n${usage}`);
  return new Date(Date.parse(now) + Number(count) * unitMs[unit as keyof typeof unitMs]).toISOString();
}
