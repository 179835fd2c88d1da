import { randomBytes } from 'node:crypto';
import { link, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../config.ts';
import { makeDataDir } from '../../data-dir.ts';

/**
 * The owner's token: the setting, else the token in the data folder, which the first start makes. Several processes may
 * call this at once; all of them get the same token. Throws ConfigError when the stored token is too short.
 */
export async function loadOwnersToken(setting: string | undefined, dataDir: string): Promise<string> {
  if (setting !== undefined) return setting;
  const file = join(dataDir, 'token');
  return (await readToken(file)) ?? (await makeToken(dataDir, file));
}

async function readToken(file: string): Promise<string | null> {
  try {
    const token = (await readFile(file, 'utf8')).trim();
    if (token.length < 8)
      throw new ConfigError(
        `GROUNDCREW_TOKEN is not set, and the token in ${file} is shorter than 8 characters. Set it, or remove the file: the next start makes a new token.`,
      );
    return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function makeToken(dataDir: string, file: string): Promise<string> {
  await makeDataDir(dataDir);
  const token = randomBytes(32).toString('base64url');
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${token}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    // `link` publishes the complete file, and fails when another process was first.
    await link(draft, file);
    return token;
  } catch (error) {
    const other = (error as NodeJS.ErrnoException).code === 'EEXIST' ? await readToken(file) : null;
    if (other === null) throw error;
    return other;
  } finally {
    await unlink(draft);
  }
}
