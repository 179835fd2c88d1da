import { serverAudits } from 'graphql-http';
import { expect, it } from 'vitest';
import { startApp } from '../../schema/started-app.ts';

it('GraphQL over HTTP passes every audit of graphql-http, also those of what it MAY do', async () => {
  await using app = await startApp('api');
  const audits = serverAudits({
    url: `${app.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) =>
      fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${app.token}` } }),
  });
  const results = await Promise.all(audits.map((audit) => audit.fn()));
  expect(results.length).toBeGreaterThan(50);
  expect(results.filter(({ status }) => status !== 'ok')).toEqual([]);
});
