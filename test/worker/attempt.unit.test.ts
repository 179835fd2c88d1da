import { describe, expect, it } from 'vitest';
import { type Attempt, runAttempt } from '../../src/worker/attempt.ts';

const minute = 60_000;

function attempt(options: Partial<Attempt> = {}): Attempt {
  return { number: 1, timeoutMs: minute, signal: new AbortController().signal, log() {}, ...options };
}

describe('runAttempt', () => {
  it('passes the number, the signal and the log to the work', async () => {
    const lines: string[] = [];
    const answer = await runAttempt(
      attempt({ number: 3, log: (line) => lines.push(line) }),
      async (context) => {
        context.log('a line');
        context.log(42 as unknown as string);
        return [context.attempt, context.signal.aborted];
      },
    );
    expect(answer).toEqual([3, false]);
    expect(lines).toEqual(['a line', '42']);
  });

  it('rejects when the work throws synchronously', async () => {
    const work = () => {
      throw new Error('at once');
    };
    await expect(runAttempt(attempt(), work)).rejects.toThrow('at once');
  });

  it('ends at the timeout although the work ignores its signal', async () => {
    const aborted = Promise.withResolvers<void>();
    const running = runAttempt(attempt({ timeoutMs: 1 }), ({ signal }) => {
      signal.addEventListener('abort', () => aborted.resolve());
      return new Promise(() => {});
    });
    await expect(running).rejects.toMatchObject({ code: 'STEP_TIMEOUT', retryable: true });
    await aborted.promise;
  });

  it('rejects with the reason of its signal, and aborts the signal of the work', async () => {
    const controller = new AbortController();
    const running = runAttempt(attempt({ signal: controller.signal }), ({ signal }) => {
      controller.abort(new Error('canceled'));
      expect(signal.aborted).toBe(true);
      return new Promise(() => {});
    });
    await expect(running).rejects.toThrow('canceled');
  });

  it('does not start the work when its signal has aborted already', async () => {
    let begun = false;
    const signal = AbortSignal.abort(new Error('too late'));
    const running = runAttempt(attempt({ signal }), async () => {
      begun = true;
    });
    await expect(running).rejects.toThrow('too late');
    expect(begun).toBe(false);
  });

  it.each(['resolves', 'rejects'] as const)(
    'reports a late completion when abandoned work %s',
    async (how) => {
      const controller = new AbortController();
      const late = Promise.withResolvers<void>();
      const work = Promise.withResolvers<void>();
      const running = runAttempt(
        attempt({ signal: controller.signal, onLateCompletion: late.resolve }),
        () => {
          controller.abort(new Error('canceled'));
          return work.promise;
        },
      );
      await expect(running).rejects.toThrow('canceled');
      if (how === 'resolves') work.resolve();
      else work.reject(new Error('nobody hears it'));
      await late.promise;
    },
  );

  it('reports no late completion for work that ended in time', async () => {
    const controller = new AbortController();
    let late = 0;
    await runAttempt(
      attempt({ signal: controller.signal, onLateCompletion: () => late++ }),
      async () => 'done',
    );
    controller.abort();
    expect(late).toBe(0);
  });
});
