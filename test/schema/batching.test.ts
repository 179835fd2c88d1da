import { type ExecutionResult, graphql } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordStatements } from '../../bench/recorded-statements.ts';
import { createLoaders } from '../../src/resolvers/loaders.ts';
import { buildSchema } from '../../src/schema/schema.ts';
import type { Database } from '../../src/tables/database.ts';
import { View } from '../../src/tasks/store/view/view.ts';
import { StoredTasks } from '../support/stored-tasks.ts';

const parents = 100;
const schema = buildSchema();
let tasks: StoredTasks;
const ids = { task: [] as string[], project: [] as string[], session: [] as string[], event: [] as string[] };

beforeAll(async () => {
  tasks = await StoredTasks.create();
  for (let index = 0; index < parents; index += 1) {
    const task = await tasks.create({ repoUrl: `https://example.com/o/r${index}` });
    ids.task.push(task.id);
    ids.project.push(task.project.id);
    ids.session.push(task.state.sessions[0].id);
  }
  const events = await tasks.sql<{ id: string }>('select id from task_event');
  ids.event = events.map(({ id }) => id);
});
afterAll(() => tasks[Symbol.asyncDispose]());

/** Runs a query; returns what it answers with and how many statements it took. */
async function run(source: string, variableValues: Record<string, unknown>) {
  let result: ExecutionResult | undefined;
  const statements = await recordStatements(tasks.url, async (db: Database) => {
    const view = new View(db, tasks.viewer);
    const contextValue = { view, loaders: createLoaders(view) };
    result = await graphql({ schema, source, variableValues, contextValue });
  });
  expect(result?.errors).toBeUndefined();
  return { data: result?.data as never, statements: statements.length };
}

describe('I7 a list of 100 objects costs as many statements as a list of one', () => {
  it.each([
    [
      'the events of tasks',
      'query ($count: Int!) { tasks(first: $count) { nodes { events(first: 5) { nodes { kind } } } } }',
      (data: { tasks: { nodes: { events: { nodes: { kind: string }[] } }[] } }) =>
        data.tasks.nodes.map(({ events }) => events.nodes.map(({ kind }) => kind).join()),
      'task.created',
    ],
    [
      'the tasks of projects',
      'query ($count: Int!) { projects(first: $count) { nodes { tasks(last: 5) { nodes { prompt } } } } }',
      (data: { projects: { nodes: { tasks: { nodes: { prompt: string }[] } }[] } }) =>
        data.projects.nodes.map((project) => project.tasks.nodes.map(({ prompt }) => prompt).join()),
      'Fix the tests',
    ],
  ])('%s', async (_what, source, read, expected) => {
    const one = await run(source, { count: 1 });
    const many = await run(source, { count: parents });
    expect(read(one.data)).toEqual([expected]);
    expect(read(many.data)).toEqual(Array.from({ length: parents }, () => expected));
    expect(many.statements).toBe(one.statements);
    expect(many.statements).toBe(2);
  });

  it.each(['task', 'project', 'session', 'event'] as const)('nodes of kind %s', async (kind) => {
    const source = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }';
    const one = await run(source, { ids: ids[kind].slice(0, 1) });
    const many = await run(source, { ids: ids[kind].toReversed() });
    expect(many.data).toEqual({ nodes: ids[kind].toReversed().map((id) => ({ id })) });
    expect([one.statements, many.statements]).toEqual([1, 1]);
  });

  it('nodes of all kinds, in their order, with null for those that do not exist', async () => {
    const source = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }';
    const wanted = [...ids.event.slice(0, 30), tasks.workspace.id, 'nonsense', ...ids.task.slice(0, 30)];
    wanted.push(...ids.project.slice(0, 30), 'task_00000000000000000000000000');
    const { data, statements } = await run(source, { ids: wanted });
    const exists = (id: string) => id !== 'nonsense' && !id.endsWith('_00000000000000000000000000');
    expect(data).toEqual({ nodes: wanted.map((id) => (exists(id) ? { id } : null)) });
    expect(statements).toBe(3);
  });

  it('two aliases of a list with other arguments cost one statement each', async () => {
    const source = `query { tasks(first: 50) { nodes {
      first: events(first: 1) { nodes { revision } } last: events(last: 1) { nodes { revision } } } } }`;
    expect((await run(source, {})).statements).toBe(3);
  });
});
