import { describe, expect, it } from 'vitest';
import { stepNames } from '../../src/tasks/domain/status.ts';
import { StepError, toTaskFailure } from '../../src/worker/failure.ts';

const error = (message: string, properties: object = {}) => Object.assign(new Error(message), properties);
const messageOf = (message: string) => toTaskFailure(error(message), 'create_sandbox').message;

describe('toTaskFailure', () => {
  it('takes the code of the error, or the code of the step for an error without one', () => {
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
  ])('takes the code of the step instead of %j', (code) =>
    expect(toTaskFailure(error('x', { code }), 'ensure_agent').code).toBe('AGENT_FAILED'),
  );

  it('returns a retryable failure unless the error says that it is not', () => {
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
    'returns a failure with a message for any thrown value: %o',
    (thrown) => {
      const failure = toTaskFailure(thrown, 'create_session');
      expect(failure).toMatchObject({ code: 'SESSION_FAILED', step: 'create_session', retryable: true });
      expect(failure.message).not.toBe('');
    },
  );

  it('keeps the first line of the message, at most 500 characters, without what PostgreSQL cannot store', () => {
    expect(messageOf('first\n    at second (file.ts:1:2)')).toBe('first');
    expect(messageOf('x'.repeat(10_000))).toHaveLength(500);
    expect(messageOf('a\0b\ud800c')).toBe('ab\ufffdc');
    expect(messageOf('   ')).toBe('The step failed without a message.');
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
  ])('removes the secret from the message: %s', (message) => {
    expect(messageOf(message)).not.toContain('hunter2');
  });

  it.each([
    'GITHUB_TOKEN=hunter2hunter2 was refused',
    'GET https://example.com/?access_token=hunter2hunter2 failed',
    'client_secret: hunter2hunter2',
    'PGPASSWORD=hunter2hunter2',
    'Authorization: Basic hunter2hunter2',
    'cannot read https://user:pass@hunter2hunter2@example.com/o/r',
  ])('removes the secret from the message: %s', (message) => {
    expect(messageOf(message)).not.toContain('hunter2');
  });

  it('returns a failure for an object whose properties throw', () => {
    expect(toTaskFailure(Object.create(null), 'create_session').code).toBe('SESSION_FAILED');
    const silent = new Proxy({}, { get: () => expect.unreachable() });
    expect(toTaskFailure(silent, 'create_session').code).toBe('SESSION_FAILED');
  });
});
