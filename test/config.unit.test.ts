import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../src/config.ts';

describe('loadConfig', () => {
  it('returns the documented defaults for an empty environment', () => {
    expect(loadConfig({})).toEqual({
      host: '127.0.0.1',
      port: 4000,
      databaseUrl: undefined,
      dbPool: 10,
      dataDir: resolve('.groundcrew'),
      token: undefined,
      providers: ['local'],
      allowLocalRepos: true,
      defaultAgent: 'demo',
      corsOrigins: [],
      concurrency: 10,
      stepTimeoutMs: undefined,
      stepMaxAttempts: 5,
      retryBaseMs: 1000,
      rateLimit: 6000,
      maxActiveTasks: undefined,
      allowIntrospection: true,
      allowPrivateWebhooks: false,
      retentionDays: undefined,
      metricsPort: undefined,
      logLevel: 'info',
    });
  });

  it('reads every setting from the environment', () => {
    expect(
      loadConfig({
        HOST: '0.0.0.0',
        PORT: '0',
        DATABASE_URL: 'postgresql://user@host/name',
        GROUNDCREW_DB_POOL: '4',
        GROUNDCREW_DATA_DIR: '/data',
        GROUNDCREW_TOKEN: 'a-long-token',
        GROUNDCREW_PROVIDERS: './one.mjs, local ,two',
        GROUNDCREW_LOCAL_REPOS: 'allow',
        GROUNDCREW_AGENT: 'claude',
        GROUNDCREW_CORS_ORIGINS: 'https://App.example.com:443, http://localhost:5173/',
        GROUNDCREW_CONCURRENCY: '3',
        GROUNDCREW_STEP_TIMEOUT_MS: '2000',
        GROUNDCREW_STEP_MAX_ATTEMPTS: '1',
        GROUNDCREW_RETRY_BASE_MS: '10',
        GROUNDCREW_RATE_LIMIT: '0',
        GROUNDCREW_MAX_ACTIVE_TASKS: '5',
        GROUNDCREW_INTROSPECTION: 'deny',
        GROUNDCREW_WEBHOOK_ALLOW_PRIVATE: 'true',
        GROUNDCREW_RETENTION_DAYS: '30',
        GROUNDCREW_METRICS_PORT: '0',
        LOG_LEVEL: 'trace',
        SOMETHING_ELSE: 'is none of ours',
      }),
    ).toEqual({
      host: '0.0.0.0',
      port: 0,
      databaseUrl: 'postgresql://user@host/name',
      dbPool: 4,
      dataDir: '/data',
      token: 'a-long-token',
      providers: ['./one.mjs', 'local', 'two'],
      allowLocalRepos: true,
      defaultAgent: 'claude',
      corsOrigins: ['https://app.example.com', 'http://localhost:5173'],
      concurrency: 3,
      stepTimeoutMs: 2000,
      stepMaxAttempts: 1,
      retryBaseMs: 10,
      rateLimit: 0,
      maxActiveTasks: 5,
      allowIntrospection: false,
      allowPrivateWebhooks: true,
      retentionDays: 30,
      metricsPort: 0,
      logLevel: 'trace',
    });
  });

  it.each([
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['localhost', true],
    ['::1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['127.evil.example', false],
    ['192.168.0.1', false],
  ])(
    'sets allowLocalRepos for HOST=%s to %s, and to false when GROUNDCREW_LOCAL_REPOS is deny',
    (host, allowed) => {
      expect(loadConfig({ HOST: host }).allowLocalRepos).toBe(allowed);
      expect(loadConfig({ HOST: host, GROUNDCREW_LOCAL_REPOS: 'deny' }).allowLocalRepos).toBe(false);
    },
  );

  it.each([
    'postgres:///name?host=/run/postgresql&port=5433&user=me',
    'postgres://me@/name?host=/run/postgresql',
    'postgres://me@%2Frun%2Fpostgresql/name',
    'postgres://me:a,b@[::1]:5432/name?sslmode=require',
    'postgres://',
  ])('accepts the DATABASE_URL %s', (url) => {
    expect(loadConfig({ DATABASE_URL: url }).databaseUrl).toBe(url);
  });

  it.each([
    ['HOST', ''],
    ['HOST', 'http://x'],
    ['HOST', '127.0.0.1:80'],
    ['PORT', ''],
    ['PORT', '-1'],
    ['PORT', '65536'],
    ['PORT', '4000x'],
    ['PORT', '1e3'],
    ['DATABASE_URL', ''],
    ['DATABASE_URL', 'mysql://host/name'],
    ['DATABASE_URL', 'postgres://user@[::1/x'],
    ['DATABASE_URL', 'postgres://host:99999/x'],
    ['DATABASE_URL', 'postgres://user:a/b@host/x'],
    ['DATABASE_URL', 'postgres://one,two/x'],
    ['DATABASE_URL', 'postgres://user:pass@one:5432,two:5432/x'],
    ['DATABASE_URL', 'postgres:///x?host=one,two'],
    ['DATABASE_URL', 'postgres:///x?host=one%2Ctwo'],
    ['GROUNDCREW_DB_POOL', '0'],
    ['GROUNDCREW_DATA_DIR', ''],
    ['GROUNDCREW_TOKEN', 'short'],
    ['GROUNDCREW_TOKEN', 'with a space in it'],
    ['GROUNDCREW_TOKEN', 'line\nbreak-in-it'],
    ['GROUNDCREW_PROVIDERS', ''],
    ['GROUNDCREW_PROVIDERS', 'local,'],
    ['GROUNDCREW_PROVIDERS', 'local,local'],
    ['GROUNDCREW_LOCAL_REPOS', 'yes'],
    ['GROUNDCREW_AGENT', '../agent'],
    ['GROUNDCREW_AGENT', ''],
    ['GROUNDCREW_CORS_ORIGINS', ''],
    ['GROUNDCREW_CORS_ORIGINS', '*'],
    ['GROUNDCREW_CORS_ORIGINS', 'null'],
    ['GROUNDCREW_CORS_ORIGINS', 'localhost:5173'],
    ['GROUNDCREW_CORS_ORIGINS', 'http://localhost:5173,'],
    ['GROUNDCREW_CORS_ORIGINS', 'http://localhost:5173/app'],
    ['GROUNDCREW_CORS_ORIGINS', 'http://localhost:99999'],
    ['GROUNDCREW_CORS_ORIGINS', 'http://user@localhost'],
    ['GROUNDCREW_CORS_ORIGINS', 'https://*.example.com'],
    ['GROUNDCREW_CORS_ORIGINS', 'ftp://example.com'],
    ['GROUNDCREW_CONCURRENCY', '0'],
    ['GROUNDCREW_CONCURRENCY', 'many'],
    ['GROUNDCREW_STEP_TIMEOUT_MS', '0'],
    ['GROUNDCREW_STEP_TIMEOUT_MS', '1.5'],
    ['GROUNDCREW_STEP_MAX_ATTEMPTS', '0'],
    ['GROUNDCREW_RETRY_BASE_MS', ' 5'],
    ['GROUNDCREW_RETENTION_DAYS', '0'],
    ['GROUNDCREW_RETENTION_DAYS', '0.5'],
    ['LOG_LEVEL', 'loud'],
  ])('throws a ConfigError of one line that names the setting for %s=%j', (name, value) => {
    const load = () => loadConfig({ [name]: value });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(new RegExp(`^${name} must [^\n]+\\.$`));
  });
});
