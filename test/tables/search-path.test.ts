import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/tables/database.ts';
import { migrate } from '../../src/tables/migrate.ts';
import { ownersWorkspace } from '../../src/tasks/store/workspaces.ts';
import { createRoleWithDatabase, type RoleWithDatabase } from '../support/role.ts';

describe('migrate', () => {
  it("finds its tables again in a schema of the role's own name", async () => {
    await using role = await createRoleWithDatabase();
    await role.admin(`create schema authorization ${role.role}`);
    await expectOneInstallation(role, role.role);
  });

  it.each(['elsewhere', 'elsewhere, public', 'missing, elsewhere'])(
    'finds its tables again with the search_path %s',
    async (searchPath) => {
      await using role = await createRoleWithDatabase();
      await role.admin(`create schema elsewhere authorization ${role.role}`);
      await role.admin(`alter role ${role.role} set search_path = ${searchPath}`);
      await expectOneInstallation(role, 'elsewhere');
    },
  );

  it('finds its tables again in a schema whose name has to be quoted', async () => {
    await using role = await createRoleWithDatabase();
    await role.admin(`create schema "Two words" authorization ${role.role}`);
    await role.admin(`alter role ${role.role} set search_path = "Two words"`);
    await expectOneInstallation(role, 'Two words');
  });

  it('finds its tables again after a schema was made that comes first on the search_path', async () => {
    await using role = await createRoleWithDatabase();
    await migrate(role.url);
    await role.admin(`create schema authorization ${role.role}`);
    await expectOneInstallation(role, 'public');
  });

  it('uses the search_path of the URL', async () => {
    await using role = await createRoleWithDatabase();
    await role.admin(`create schema elsewhere authorization ${role.role}`);
    const url = new URL(role.url);
    url.searchParams.set('options', '-c search_path=elsewhere');
    await expectOneInstallation({ url: url.href, admin: role.admin }, 'elsewhere');
  });

  it('says in one line that no schema of the search_path can be used', async () => {
    await using role = await createRoleWithDatabase();
    await role.admin(`alter role ${role.role} set search_path = missing`);
    await expect(migrate(role.url)).rejects.toThrow(/^the role can use no schema of its search_path\./);
  });
});

/** Migrates twice, and expects one set of tables, in that schema, which the role reads. */
async function expectOneInstallation(
  { url, admin }: Pick<RoleWithDatabase, 'url' | 'admin'>,
  schema: string,
): Promise<void> {
  await migrate(url);
  await migrate(url);
  const tables = await admin(
    `select table_schema as schema, count(*)::int as migrations from information_schema.tables
     where table_name in ('workspace', 'groundcrew_migration') group by 1`,
  );
  expect(tables).toEqual([{ schema, migrations: 2 }]);
  const db = await openDatabase(url, { poolSize: 1 });
  expect(await ownersWorkspace(db)).toMatchObject({ name: 'Default' });
  await db.close();
}
