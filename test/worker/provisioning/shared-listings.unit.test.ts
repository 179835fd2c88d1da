import { expect, it } from 'vitest';
import { SharedListings } from '../../../src/worker/provisioning/shared-listings.ts';
import { waitFor } from '../../support/wait-for.ts';

interface Asked extends PromiseWithResolvers<string> {
  readonly repoUrl: string;
  readonly signal: AbortSignal;
}

/** Listings that end when the test says so, on a clock that goes on by one at each start. */
function listings() {
  const asked: Asked[] = [];
  let time = 0;
  const shared = new SharedListings<string>({
    list(repoUrl, signal) {
      const each = { repoUrl, signal, ...Promise.withResolvers<string>() };
      asked.push(each);
      return each.promise;
    },
    now: () => {
      time += 1;
      return time;
    },
  });
  const never = new AbortController().signal;
  return {
    asked,
    list: (repoUrl: string, signal = never) => shared.list(repoUrl, time, signal),
    listSince: (repoUrl: string, since: number) => shared.list(repoUrl, since, never),
    listed: (repoUrl: string, since: number) => shared.listed(repoUrl, since),
  };
}

const turn = () => new Promise(setImmediate);

it('lists a repository at once for a task that asks alone', async () => {
  const { asked, list } = listings();
  const first = list('a');
  const other = list('b');
  await turn();
  expect(asked.map(({ repoUrl }) => repoUrl)).toEqual(['a', 'b']);
  asked[0]?.resolve('branches of a');
  asked[1]?.reject(new Error('gone'));
  expect(await first).toBe('branches of a');
  await expect(other).rejects.toThrow('gone');
});

it('gives one listing to all tasks that ask while another one is under way, and starts it after they asked', async () => {
  const { asked, list } = listings();
  const first = list('a');
  await turn();
  const others = [list('a'), list('a'), list('a')];
  await turn();
  expect(asked).toHaveLength(1);
  asked[0]?.resolve('old');
  expect(await first).toBe('old');
  await turn();
  expect(asked).toHaveLength(2);
  asked[1]?.resolve('new');
  expect(await Promise.all(others)).toEqual(['new', 'new', 'new']);
});

it('does not wait for a listing that hangs', async () => {
  const { asked, list } = listings();
  const leave = new AbortController();
  const hanging = list('a', leave.signal);
  await turn();
  const second = list('a');
  await waitFor(() => asked.length === 2);
  asked[1]?.resolve('branches');
  expect(await second).toBe('branches');
  leave.abort(new Error('the end'));
  await expect(hanging).rejects.toThrow('the end');
});

it('aborts a listing only once no task waits for it', async () => {
  const { asked, list } = listings();
  const [one, two] = [new AbortController(), new AbortController()];
  const both = [list('a', one.signal), list('a', two.signal)];
  await turn();
  one.abort(new Error('canceled'));
  await expect(both[0]).rejects.toThrow('canceled');
  expect(asked[0]?.signal.aborted).toBe(false);
  two.abort(new Error('canceled too'));
  await expect(both[1]).rejects.toThrow('canceled too');
  expect(asked[0]?.signal.aborted).toBe(true);
});

it('gives a task that was created before a listing started that listing, also when it has just ended', async () => {
  const { asked, list, listSince, listed } = listings();
  const first = list('a');
  await turn();
  const joined = listSince('a', 0);
  expect(listed('a', 0)).toBe(undefined);
  asked[0]?.resolve('branches');
  expect(await Promise.all([first, joined, listSince('a', 0)])).toEqual(['branches', 'branches', 'branches']);
  expect(listed('a', 0)).toBe('branches');
  expect(listed('a', 1)).toBe(undefined);
  expect(listed('b', 0)).toBe(undefined);
  expect(asked).toHaveLength(1);
});

it('lists again after a failure', async () => {
  const { asked, list, listSince } = listings();
  const first = list('a');
  await turn();
  asked[0]?.reject(new Error('unreachable'));
  await expect(first).rejects.toThrow('unreachable');
  const second = listSince('a', 0);
  await turn();
  asked[1]?.resolve('branches');
  expect(await second).toBe('branches');
});
