import { describe, expect, it, test } from 'vitest';
import { stepNames } from '../../../src/tasks/domain/status.ts';
import { retryDelay, StepError, toTaskFailure } from '../../../src/worker/provisioning/failure.ts';

const error = (message: string, properties: object = {}) => Object.assign(new Error(message), properties);
const messageOf = (message: string) => toTaskFailure(error(message), 'create_sandbox').message;

describe('what is told of an error', () => {
  it('has the code that the error says, or the one of its step', () => {
    expect(toTaskFailure(error('x', { code: 'REPOSITORY_NOT_FOUND' }), 'ensure_name').code).toBe(
      'REPOSITORY_NOT_FOUND',
    );
    expect(stepNames.map((step) => toTaskFailure(error('x'), step).code)).toEqual([
      'NAME_FAILED',
      'SANDBOX_FAILED',
      'AGENT_FAILED',
      'SESSION_FAILED',
    ]);
    expect(toTaskFailure(new StepError('STEP_TIMEOUT', 'x'), 'ensure_agent')).toEqual({
      code: 'STEP_TIMEOUT',
      message: 'x',
      step: 'ensure_agent',
      retryable: true,
    });
  });

  it.each([
    'ENOENT',
    'ERR_INVALID_ARG_TYPE',
    'UND_ERR_SOCKET',
    'lower_case',
    '',
    'A B',
    42,
    `X_${'Y'.repeat(80)}`,
  ])('has no code of somebody else: %j', (code) =>
    expect(toTaskFailure(error('x', { code }), 'ensure_agent').code).toBe('AGENT_FAILED'),
  );

  it('is retryable unless the error says false, and means it', () => {
    const retryable = (value: unknown) =>
      toTaskFailure(error('x', { retryable: value }), 'ensure_name').retryable;
    expect([false, true, undefined, null, 0, 'false'].map(retryable)).toEqual([
      false,
      true,
      true,
      true,
      true,
      true,
    ]);
  });

  it.each([undefined, null, '', 'a string', 0, Number.NaN, true, [], {}, Symbol('x'), 1n, () => 1])(
    'can be made of anything that is thrown: %o',
    (thrown) => {
      const failure = toTaskFailure(thrown, 'create_session');
      expect(failure).toMatchObject({ code: 'SESSION_FAILED', step: 'create_session', retryable: true });
      expect(failure.message).not.toBe('');
    },
  );

  it('is one line that is not too long, without what no database can keep', () => {
    expect(messageOf('first\n    at second (file.ts:1:2)')).toBe('first');
    expect(messageOf('x'.repeat(10_000))).toHaveLength(500);
    expect(messageOf('a\0b\ud800c')).toBe('ab\ufffdc');
    expect(messageOf('   ')).toBe('failed without a message');
  });

  it.each([
    'cannot read https://user:hunter2hunter2@example.com/o/r',
    'cannot read https://hunter2hunter2@example.com/o/r',
    'Authorization: Bearer hunter2hunter2',
    'sent {"token":"hunter2hunter2"}',
    'password=hunter2hunter2 is wrong',
    'api_key: hunter2hunter2',
    "api-key 'hunter2hunter2'",
    'x-api-key hunter2hunter2',
  ])('does not hold the secret of: %s', (message) => {
    expect(messageOf(message)).not.toContain('hunter2');
  });

  it.each([
    'GITHUB_TOKEN=hunter2hunter2 was refused',
    'GET https://example.com/?access_token=hunter2hunter2 failed',
    'client_secret: hunter2hunter2',
    'PGPASSWORD=hunter2hunter2',
    'Authorization: Basic hunter2hunter2',
    'cannot read https://user:pass@hunter2hunter2@example.com/o/r',
  ])('does not hold the secret of: %s', (message) => {
    expect(messageOf(message)).not.toContain('hunter2');
  });

  test('can be made of an object that has no words for itself', () => {
    expect(toTaskFailure(Object.create(null), 'create_session').code).toBe('SESSION_FAILED');
    const silent = new Proxy({}, { get: () => expect.unreachable() });
    expect(toTaskFailure(silent, 'create_session').code).toBe('SESSION_FAILED');
  });
});

describe('the wait before the next try', () => {
  const least = (failures: number, base = 1_000) => retryDelay(failures, base, () => 0);
  const most = (failures: number, base = 1_000) => retryDelay(failures, base, () => 1);

  it('doubles with each failure, up to a minute', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((failures) => least(failures))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
    ]);
    expect(least(1_000)).toBe(60_000);
    expect(least(1, 60_000)).toBe(60_000);
  });

  it('has jitter on top, and is never longer than a minute', () => {
    expect(most(1)).toBe(1_250);
    expect(most(6)).toBe(40_000);
    expect(most(7)).toBe(60_000);
    for (let count = 0; count < 100; count += 1) {
      const delay = retryDelay(2, 100);
      expect(delay).toBeGreaterThanOrEqual(200);
      expect(delay).toBeLessThanOrEqual(250);
    }
  });
});
