import { noteServerTime } from './server-clock.ts';

/** Milliseconds until a query that has no answer is sent again, for the first times. */
const patienceMs = 4_000;
const repetitions = 4;

/**
 * How the page sends its requests. A query is repeated when no answer comes: after the computer has slept or the network was
 * away, a browser may use a connection of before, which swallows requests. It closes that one when the request is aborted.
 * A mutation is sent once.
 */
export async function sendRequest(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const isQuery = /"query":"query\b/.test(String(init?.body));
  for (let left = isQuery ? repetitions : 0; ; left -= 1) {
    const attempt = new AbortController();
    const signal = AbortSignal.any([attempt.signal, ...(init?.signal ? [init.signal] : [])]);
    const timer = left > 0 ? setTimeout(() => attempt.abort(), patienceMs) : undefined;
    const sentAt = Date.now();
    try {
      const response = await fetch(input, { ...init, signal });
      noteServerTime(response.headers.get('date'), sentAt, Date.now());
      return response;
    } catch (error) {
      if (!attempt.signal.aborted || init?.signal?.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
