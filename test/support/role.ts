import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';
import { createEmptyDatabase } from './database.ts';

export interface RoleWithDatabase extends AsyncDisposable {
  /** Of the role, which owns its database. */
  readonly url: string;
  readonly role: string;
  readonly database: string;
  /** Runs a statement in that database, as the superuser. */
  admin<Row = Record<string, unknown>>(statement: string): Promise<Row[]>;
}

/** A role that is no superuser, with an empty database of its own. `options` as in CREATE ROLE. */
export async function createRoleWithDatabase(options = ''): Promise<RoleWithDatabase> {
  const database = await createEmptyDatabase();
  const role = `role_${randomBytes(8).toString('hex')}`;
  const name = new URL(database.url).pathname.slice(1);
  const admin = async <Row>(statement: string, url = database.url) => {
    const client = new Client(url);
    await client.connect();
    try {
      return (await client.query(statement)).rows as Row[];
    } finally {
      await client.end();
    }
  };
  const password = randomBytes(8).toString('hex');
  await admin(`create role ${role} login password '${password}' ${options}`);
  await admin(`alter database ${name} owner to ${role}`);
  const url = new URL(database.url);
  url.username = role;
  url.password = password;
  return {
    url: url.href,
    role,
    database: name,
    admin: (statement) => admin(statement),
    async [Symbol.asyncDispose]() {
      await database.drop();
      await admin(`drop role ${role}`, inject('adminUrl'));
    },
  };
}
