import packageJson from '../../package.json' with { type: 'json' };
import { isConnectionError } from '../db/connection-error.ts';
import type { Database } from '../tables/database.ts';
import { migrationNames } from '../tables/orm.ts';
import { type DatabaseHealth, readHealth } from '../tasks/store/health.ts';
import type { WakeUpListener } from '../tasks/store/wake-up-listener.ts';

/** Milliseconds that the report waits for the database, and for a notification. */
const timeoutMs = 2_000;
/** Milliseconds between two clocks that nobody has set wrong. */
const closeClocksMs = 5_000;

type Finding = readonly [isFine: boolean, code: string, sentence: string];

/** What `/healthz?verbose` answers: a line for each part, with a code that stays the same and a sentence for people. */
export async function healthReport(db: Database, listener: WakeUpListener): Promise<string> {
  const [database, notifications] = await Promise.all([ofDatabase(db), ofNotifications(db, listener)]);
  const findings = [...database, notifications, ofClock(db), ofVersion()];
  return findings
    .map(([isFine, code, sentence]) => `${isFine ? 'ok  ' : 'fail'} ${code} ${sentence}\n`)
    .join('');
}

async function ofDatabase(db: Database): Promise<Finding[]> {
  const askedAt = performance.now();
  const { promise: timedOut, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, timeoutMs, null);
  try {
    const health = await Promise.race([readHealth(db), timedOut]);
    if (health === null) {
      return [[false, 'DATABASE', `The database has not answered within ${timeoutMs / 1_000} seconds.`]];
    }
    return [answered(health, performance.now() - askedAt), ofMigrations(health), ofWorkers(health)];
  } catch (error) {
    const why = isConnectionError(error) ? 'The database cannot be reached.' : 'The database cannot be read.';
    return [[false, 'DATABASE', why]];
  } finally {
    clearTimeout(timer);
  }
}

function answered({ version, isWritable }: DatabaseHealth, ms: number): Finding {
  const what = `PostgreSQL ${version} has answered after ${ms.toFixed(1)} ms`;
  return isWritable
    ? [true, 'DATABASE', `${what}, and takes changes.`]
    : [false, 'DATABASE', `${what}, and is read-only.`];
}

function ofMigrations({ migrations }: DatabaseHealth): Finding {
  const applied = new Set(migrations);
  const missing = migrationNames.filter((name) => !applied.has(name));
  if (missing.length > 0) {
    return [false, 'MIGRATIONS', `${missing.join(', ')} was not applied: run npm run migrate.`];
  }
  const more = migrations.length - migrationNames.length;
  const newer = more > 0 ? `, and ${more} of a later version` : '';
  return [true, 'MIGRATIONS', `All ${migrationNames.length} of this version were applied${newer}.`];
}

function ofWorkers({ workers, silentSeconds }: DatabaseHealth): Finding {
  if (workers === 0) return [false, 'WORKERS', 'No worker runs: tasks are stored, and wait.'];
  const silence = `the latest heartbeat of each is at most ${(silentSeconds ?? 0).toFixed(1)} s old`;
  return [true, 'WORKERS', `${workers} of them run; ${silence}.`];
}

async function ofNotifications(db: Database, listener: WakeUpListener): Promise<Finding> {
  const ms = await listener.roundTrip(db, timeoutMs).catch(() => null);
  return ms === null
    ? [false, 'NOTIFICATIONS', `No notification has come back within ${timeoutMs / 1_000} seconds.`]
    : [true, 'NOTIFICATIONS', `One has come back after ${ms.toFixed(1)} ms.`];
}

function ofClock({ clock }: Database): Finding {
  const ms = Math.abs(clock.nowMs() - Date.now());
  const apart = `The clocks of this machine and of the database are ${(ms / 1_000).toFixed(3)} s apart`;
  return ms <= closeClocksMs
    ? [true, 'CLOCK', `${apart}.`]
    : [false, 'CLOCK', `${apart}: set the one that is wrong. All that is stored goes by the database's.`];
}

function ofVersion(): Finding {
  const { version } = packageJson;
  const system = `${process.platform} ${process.arch}`;
  return [true, 'VERSION', `Groundcrew ${version}, Node ${process.versions.node}, ${system}.`];
}
