import { expect, it } from 'vitest';
import { refused, serve } from './served-client.ts';

it('watchTranscript asks again for a page that was refused with RATE_LIMITED', async () => {
  const pageInfo = { __typename: 'PageInfo', hasPreviousPage: false, startCursor: null };
  const items = { __typename: 'TranscriptItemConnection', nodes: [], pageInfo };
  const node = { __typename: 'Session', id: 'session_1', sequence: 7, items };
  await using served = await serve(
    [refused('RATE_LIMITED')],
    [{ type: 'next', payload: { data: { node } } }, { type: 'complete' }],
  );
  const transcripts = served.groundcrew.watchTranscript('session_1');
  expect((await transcripts.next()).value).toEqual({ sequence: 7, items: [], missing: 0 });
  await transcripts.return?.();
});
