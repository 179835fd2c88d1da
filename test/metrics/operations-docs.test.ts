import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { Metrics } from '../../src/metrics/metrics.ts';
import { readFigures } from '../../src/tasks/store/figures.ts';
import { StoredTasks } from '../support/stored-tasks.ts';

const [page, alerts, dashboard] = await Promise.all(
  ['docs/operations.md', 'deploy/alerts.yaml', 'deploy/grafana/groundcrew.json'].map((file) =>
    readFile(file, 'utf8'),
  ),
);
const namesIn = (text = '') =>
  new Set([...text.matchAll(/groundcrew_\w+/g)].map(([name]) => name.replace(/_(bucket|count|sum)$/, '')));

it('docs/operations.md lists every metric, and the alerts and the dashboard use no others', async () => {
  await using tasks = await StoredTasks.create();
  const metrics = new Metrics();
  metrics.addPool(tasks.db.pool);
  metrics.addDatabaseFigures(() => readFigures(tasks.db));
  const served = [...(await metrics.text()).matchAll(/^# HELP (groundcrew_\w+) (.*)$/gm)];
  expect(served.length).toBeGreaterThan(30);
  for (const [, name, help] of served) expect(page).toContain(`| \`${name}\` | ${help}`);
  const known = new Set(served.map(([, name]) => name));
  for (const name of [...namesIn(page?.replaceAll('_-', '')), ...namesIn(alerts), ...namesIn(dashboard)]) {
    expect(known).toContain(name);
  }
});

it('docs/operations.md says for each alert what to do', () => {
  const rules = [...(alerts ?? '').matchAll(/^ {6}- alert: (\w+)$/gm)].map(([, name]) => name);
  expect(rules.length).toBeGreaterThan(10);
  expect([...(page ?? '').matchAll(/^### (Groundcrew\w+)$/gm)].map(([, name]) => name)).toEqual(rules);
});

it('the figures of the database are left out while it cannot be read', async () => {
  const metrics = new Metrics();
  metrics.addDatabaseFigures(() => Promise.reject(new Error('away')));
  const text = await metrics.text();
  expect(text).toMatch(/^groundcrew_database_up 0$/m);
  expect(text).not.toContain('groundcrew_workers');
});
