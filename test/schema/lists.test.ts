import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/tasks/domain/id.ts';
import { started } from '../tasks/domain/machine-states.ts';
import { type StartedApp, startApp } from './started-app.ts';

let app: StartedApp;
beforeAll(async () => {
  app = await startApp('api');
});
afterAll(() => app[Symbol.asyncDispose]());

interface Connection {
  readonly edges: { cursor: string; node: { id: string; revision: number } }[];
  readonly nodes: { id: string; revision: number }[];
  readonly pageInfo: {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  };
}
const parts = `pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
const tasksQuery = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: TaskFilter) {
  tasks(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    edges { cursor node { id revision } } nodes { id revision } ${parts}
  }
}`;
const page = async (variables: Record<string, unknown>) =>
  (await app.ask<{ tasks: Connection }>(tasksQuery, variables)).tasks;
const idsOf = ({ nodes }: Connection) => nodes.map(({ id }) => id);

describe('the list of tasks', () => {
  let ids: string[];
  let projectId: string;
  const filter = () => ({ projectId });
  beforeAll(async () => {
    const made = [];
    for (let count = 0; count < 7; count += 1) {
      made.push(
        await app.stored.create({ repoUrl: 'https://example.com/o/list', prompt: `Prompt ${count}` }),
      );
    }
    projectId = made[0]?.project.id as string;
    ids = made.map(({ id }) => id).reverse();
  });

  it('is newest first when paged forward', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    for (;;) {
      const each: Connection = await page({ first: 3, after, filter: filter() });
      expect(each.edges.map(({ node }) => node)).toEqual(each.nodes);
      expect(each.pageInfo).toEqual({
        hasNextPage: seen.length + 3 < 7,
        hasPreviousPage: after !== null,
        startCursor: each.edges[0]?.cursor,
        endCursor: each.edges.at(-1)?.cursor,
      });
      seen.push(...idsOf(each));
      if (!each.pageInfo.hasNextPage) break;
      after = each.pageInfo.endCursor;
    }
    expect(seen).toEqual(ids);
  });

  it('is in the same order when paged backward', async () => {
    const last = await page({ last: 3, filter: filter() });
    expect(idsOf(last)).toEqual(ids.slice(4));
    expect(last.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const middle = await page({ last: 3, before: last.pageInfo.startCursor, filter: filter() });
    expect(idsOf(middle)).toEqual(ids.slice(1, 4));
    expect(middle.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
    const first = await page({ last: 3, before: middle.pageInfo.startCursor, filter: filter() });
    expect(idsOf(first)).toEqual(ids.slice(0, 1));
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  });

  it('contains only what lies between two cursors', async () => {
    const { edges } = await page({ filter: filter() });
    const between = { after: edges[1]?.cursor, before: edges[5]?.cursor, filter: filter() };
    expect(idsOf(await page(between))).toEqual(ids.slice(2, 5));
    expect(idsOf(await page({ ...between, last: 1 }))).toEqual(ids.slice(4, 5));
    expect(idsOf(await page({ ...between, first: 1 }))).toEqual(ids.slice(2, 3));
  });

  it('continues at the same place after a task was added', async () => {
    const first = await page({ first: 2, filter: filter() });
    const added = await app.stored.create({ repoUrl: 'https://example.com/o/list' });
    const next = await page({ first: 2, after: first.pageInfo.endCursor, filter: filter() });
    expect([...idsOf(first), ...idsOf(next)]).toEqual(ids.slice(0, 4));
    ids = [added.id, ...ids];
  });

  it('is also available as a field of the project', async () => {
    const { node } = await app.ask<{ node: { tasks: Connection } }>(
      `query ($id: ID!) { node(id: $id) { ... on Project { tasks(first: 2) { nodes { id revision } ${parts} } } } }`,
      { id: projectId },
    );
    expect(idsOf(node.tasks)).toEqual(ids.slice(0, 2));
    expect(node.tasks.pageInfo.hasNextPage).toBe(true);
  });

  it('can be filtered by status', async () => {
    const status = ['ERROR', 'CANCELED'];
    const failedId = await app.createIn('error');
    const canceledId = await app.createIn('canceled');
    const found = idsOf(await page({ filter: { status } }));
    expect(found.slice(0, 2)).toEqual([canceledId, failedId]);
    expect(idsOf(await page({ filter: { status: ['CANCELED'] } }))).not.toContain(failedId);
    expect(idsOf(await page({ filter: { status: [] } }))).toEqual([]);
    expect(idsOf(await page({ filter: { status, projectId } }))).toEqual([]);
  });

  it('can be searched for words of the current title and prompt', async () => {
    const byPrompt = await app.stored.create({ prompt: 'Sharpen the Zweihänder, twice' });
    const byTitle = await app.stored.create({ title: 'Zweihänder' });
    const settled = await app.stored.create({ prompt: 'p' });
    await app.stored.change(settled.id, started('ensure_name'), {
      type: 'nameSettled',
      title: 'A zweihänder',
      branchName: 'b',
    });
    const search = (text: string) => page({ filter: { search: text } }).then(idsOf);
    expect(await search('zweihänder')).toEqual([settled.id, byTitle.id, byPrompt.id]);
    expect(await search('ZWEIHÄNDER twice')).toEqual([byPrompt.id]);
    expect(await search('zweihänder nowhere')).toEqual([]);
    for (const text of ["'; drop table task --", '& | ! ( ) :*', '\0', '\ud800', '"', '\\', '%_']) {
      expect(await search(text), text).toEqual([]);
    }
  });

  it('is empty for a project that does not exist', async () => {
    for (const each of [newId('project'), 'nothing', '', newId('task')]) {
      expect(idsOf(await page({ filter: { projectId: each } }))).toEqual([]);
    }
  });
});

describe('the list of projects', () => {
  it('is newest first, paged forward and backward', async () => {
    const names = ['https://example.com/p/a', 'https://example.com/p/b', 'https://example.com/p/c'];
    for (const each of names) await app.create({ repoUrl: each });
    const ask = async (args: string) =>
      (
        await app.ask<{ projects: { nodes: { name: string }[]; pageInfo: Connection['pageInfo'] } }>(
          `{ projects(${args}) { nodes { name } ${parts} } }`,
        )
      ).projects;
    const first = await ask('first: 2');
    expect(first.nodes.map(({ name }) => name)).toEqual(['p/c', 'p/b']);
    const next = await ask(`first: 1, after: "${first.pageInfo.endCursor}"`);
    expect(next.nodes.map(({ name }) => name)).toEqual(['p/a']);
    const back = await ask(`last: 1, before: "${first.pageInfo.endCursor}"`);
    expect(back.nodes.map(({ name }) => name)).toEqual(['p/c']);
    expect(back.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  });
});

describe('the history of a task', () => {
  it('is oldest first, paged forward and backward', async () => {
    const id = await app.createIn('running');
    const ask = async (args: string) =>
      (
        await app.ask<{
          task: { events: { nodes: { revision: number }[]; pageInfo: Connection['pageInfo'] } };
        }>(`{ task(id: "${id}") { events(${args}) { nodes { revision } ${parts} } } }`)
      ).task.events;
    const revisionsOf = ({ nodes }: { nodes: { revision: number }[] }) =>
      nodes.map(({ revision }) => revision);
    const first = await ask('first: 4');
    expect(revisionsOf(first)).toEqual([1, 2, 3, 4]);
    const rest = await ask(`after: "${first.pageInfo.endCursor}"`);
    expect(revisionsOf(rest)).toEqual([5, 6, 7, 8, 9, 10]);
    const last = await ask('last: 2');
    expect(revisionsOf(last)).toEqual([9, 10]);
    expect(revisionsOf(await ask(`last: 3, before: "${last.pageInfo.startCursor}"`))).toEqual([6, 7, 8]);
  });
});
