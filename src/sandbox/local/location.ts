import { randomUUID } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readWritten, writeOnce } from './exclusive-file.ts';

/** The content of a file in the data folder's folder `locations`. */
interface LocationRecord {
  readonly id: string;
  /** The real path of the data folder when the file was written. */
  readonly path: string;
}

/**
 * The id of a data folder, made at the first call. All processes that use the folder get the same id. The id stays when the
 * folder is moved. A copy gets an id of its own, unless the original is out of sight because it lies on another machine.
 *
 * The folder `locations` has one file for each path that the data folder had, numbered from 1. Each is written once, and the
 * last one counts, so processes that start at the same time agree.
 */
export async function readLocation(dataDir: string): Promise<string> {
  const folder = locationsFolder(dataDir);
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  for (;;) {
    const { number, record } = await readLatest(folder);
    if (record?.path === dataDir) return record.id;
    const id = record && !(await hasLocation(record.path, record.id)) ? record.id : randomUUID();
    await writeOnce(join(folder, `${number + 1}.json`), { id, path: dataDir } satisfies LocationRecord);
  }
}

async function hasLocation(dataDir: string, id: string): Promise<boolean> {
  return (await readLatest(locationsFolder(dataDir))).record?.id === id;
}

async function readLatest(
  folder: string,
): Promise<{ readonly number: number; readonly record: LocationRecord | undefined }> {
  const names = await readdir(folder).catch(() => []);
  const numbers = names.map((name) => Number(/^(\d+)\.json$/.exec(name)?.[1])).filter((each) => each > 0);
  const number = Math.max(0, ...numbers);
  return { number, record: await readWritten<LocationRecord>(join(folder, `${number}.json`)) };
}

function locationsFolder(dataDir: string): string {
  return join(dataDir, 'locations');
}
