import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Otherwise our sources get graphql's CommonJS copy while its users get the other, and `instanceof` fails across them.
  ssr: { resolve: { conditions: ['module-sync', 'node', 'development|production'] } },
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    // Processes of their own: tests send signals and read environments.
    pool: 'forks',
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
});
