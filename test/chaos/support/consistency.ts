import type { Method } from '../../support/scripted-provider.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Installation, TaskRow } from './installation.ts';

const methodOfStep: Readonly<Record<string, Method>> = {
  create_sandbox: 'createSandbox',
  ensure_agent: 'ensureAgent',
  create_session: 'createSession',
};

export interface ConsistencyOptions {
  /** Milliseconds until no sandbox may be there any more that no task owns. */
  readonly sandboxesGoneMs?: number;
  /** Milliseconds until every task has come to an end of its provisioning. */
  readonly settledMs?: number;
  /** Statuses that may be there in the end; all final ones by default. */
  readonly statuses?: readonly string[];
  /** A sandbox that came back after it was destroyed is made twice, rightly. */
  readonly mayBeMadeAgain?: boolean;
}

/**
 * What must be true after each scenario: every task has come to an end, its revisions have no gaps, each effect is there
 * once, and no sandbox is there that no task owns.
 */
export async function expectConsistency(app: Installation, options: ConsistencyOptions = {}): Promise<void> {
  await app.settled(options.settledMs);
  const tasks = await app.tasks();
  await waitFor(
    async () => leaked(app, tasks).length === 0 && (await unreleased(app)).length === 0,
    options.sandboxesGoneMs ?? 10_000,
  ).catch(() => {});

  const wrong = [
    ...leaked(app, tasks).map((key) => `sandbox ${key} is left`),
    ...(await unreleased(app)),
    ...(await gapsOf(app)),
    ...tasks.flatMap((task) => wrongWith(app, task, options)),
  ];
  if (wrong.length > 0)
    throw new Error(`not whole:\n  ${wrong.slice(0, 20).join('\n  ')}\n${app.logTails()}`);
}

function leaked(app: Installation, tasks: readonly TaskRow[]): string[] {
  const owned = new Set(
    tasks.filter(({ status }) => !/canceled|archived/.test(status)).map(({ key }) => key),
  );
  return [...app.provider.sandboxes.keys()].filter((key) => !owned.has(key) && !key.startsWith('foreign'));
}

/** Tasks that are over and still show a sandbox, or whose sandbox still stands in the ledger. */
async function unreleased(app: Installation): Promise<string[]> {
  const rows = await app.sql(
    `select t.id, t.state -> 'sandbox' ->> 'id' as shown, s.state from task t left join sandbox s on s.task_id = t.id
     where t.status in ('canceled', 'archived')
       and (t.state ->> 'sandbox' is not null or s.state is distinct from 'released' and s.key is not null)`,
  );
  return rows.map(({ id, shown, state }) => `${id} shows sandbox ${shown}, in the ledger it is ${state}`);
}

async function gapsOf(app: Installation): Promise<string[]> {
  const rows = await app.sql(
    `select t.id, t.revision, count(e.*)::int as events, min(e.revision) as first, max(e.revision) as last,
       count(*) filter (where e.kind = 'task.canceled')::int as canceled,
       count(*) filter (where e.kind = 'session.ready')::int as ready,
       count(*) filter (where e.kind = 'task.status_changed' and e.status = 'running')::int as running
     from task t left join task_event e on e.task_id = t.id group by t.id
     having t.revision <> count(e.*) or min(e.revision) <> 1 or max(e.revision) <> t.revision
       or count(*) filter (where e.kind = 'task.canceled') > 1
       or count(*) filter (where e.kind = 'task.status_changed' and e.status = 'running') > 1`,
  );
  return rows.map((row) => `history of ${row.id}: ${JSON.stringify(row)}`);
}

function wrongWith({ provider }: Installation, task: TaskRow, options: ConsistencyOptions): string[] {
  const { key, status, state } = task;
  const wrong: string[] = [];
  const say = (what: string) => wrong.push(`${task.id} (${status}): ${what}`);

  if (options.statuses && !options.statuses.includes(status)) say(JSON.stringify(state.error ?? state.steps));
  if (!options.mayBeMadeAgain) {
    if (provider.timesMade('sandbox', key) > 1) say('its sandbox was made twice');
    for (const made of provider.made) {
      const again = made.kind !== 'sandbox' && provider.timesMade(made.kind, made.key) > 1;
      if (again && made.key.includes(key)) say(`${made.kind} ${made.key} was made twice`);
    }
    for (const { name, attempt } of state.steps) {
      const method = methodOfStep[name];
      const calls = method ? provider.callsOf(method, key).length : 0;
      if (calls > attempt) say(`${method} was called ${calls} times in ${attempt} tries`);
    }
  }
  if (status === 'running') {
    const sessions = [...provider.sessions.values()].filter(({ sandboxKey }) => sandboxKey === key);
    if (!provider.sandboxes.has(key)) say('it has no sandbox');
    if (sessions.length !== state.sessions.length) say(`it has ${sessions.length} sessions`);
    if (state.sessions.some((session) => session.status !== 'ready')) say('a session is not ready');
  }
  return wrong;
}
