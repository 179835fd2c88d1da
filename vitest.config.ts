import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * A test's place and name say what it needs:
 *
 * | project       | files                       | needs                                                                  |
 * | ------------- | --------------------------- | ---------------------------------------------------------------------- |
 * | `unit`        | `*.unit.test.ts`            | nothing but the code: no database, no server, no program of Groundcrew |
 * | `chaos`       | `test/chaos/`               | a database, and real processes that are killed, stopped and cut off    |
 * | `chaos-alone` | the test of kills           | the same, and that no other test runs                                  |
 * | `integration` | all others                  | a database, sockets, git                                               |
 * |               | `test/web/` of them         | a Chromium as well; skipped where there is none                        |
 *
 * `npm test` runs all, `npm run test:unit` the first, `npx vitest run test/tasks` those of a folder. Nothing has to be
 * installed or started for any of them.
 */
const unit = 'test/**/*.unit.test.ts';
const chaos = 'test/chaos/**/*.test.ts';
/** Measures in milliseconds how soon another worker goes on. */
const alone = 'test/chaos/kill.test.ts';

/** Files that run at the same time: two more than there are processors, because most tests also wait. */
const maxWorkers = availableParallelism() + 2;

export default defineConfig({
  // Otherwise our sources get graphql's CommonJS copy while its users get the other, and `instanceof` fails across them.
  ssr: { resolve: { conditions: ['module-sync', 'node', 'development|production'] } },
  test: {
    environment: 'node',
    // Processes of their own: tests send signals and read environments.
    pool: 'forks',
    // Files share what they import: to load it for each of them is a third of the processor time that the tests take.
    isolate: false,
    // No promises: a machine that does other things besides may take this long. Tests of promises measure themselves.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'unit', include: [unit], maxWorkers, sequence: { groupOrder: 0 } } },
      project('integration', ['test/**/*.test.ts'], {
        exclude: [unit, chaos],
        maxWorkers,
        groupOrder: 0,
      }),
      // Apart and one by one where figures are asked for, in the long form.
      project('chaos', [chaos], {
        exclude: [alone],
        ...(process.env.GROUNDCREW_CHAOS ? { maxWorkers: 1, groupOrder: 1 } : { maxWorkers, groupOrder: 0 }),
      }),
      project('chaos-alone', [alone], { maxWorkers: 1, groupOrder: 2 }),
    ],
  },
});

function project(
  name: string,
  include: string[],
  options: { exclude?: string[]; maxWorkers: number; groupOrder: number },
) {
  return {
    extends: true as const,
    test: {
      name,
      include,
      exclude: options.exclude ?? [],
      maxWorkers: options.maxWorkers,
      sequence: { groupOrder: options.groupOrder },
      globalSetup: ['test/support/global-setup.ts'],
      setupFiles: ['test/support/clean-up.ts'],
    },
  };
}
