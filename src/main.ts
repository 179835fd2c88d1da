import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Half of a start is compiling; a worker that was killed is back that much sooner. Nothing but this file may be imported
// before, so each command is imported when it is asked for.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/node'));

const commands = {
  start: async () => (await import('./commands/serve.ts')).serve('start'),
  api: async () => (await import('./commands/serve.ts')).serve('api'),
  worker: async () => (await import('./commands/serve.ts')).serve('worker'),
  migrate: async () => (await import('./commands/migrate.ts')).runMigrations(),
  demo: async () => (await import('./commands/demo.ts')).demo(process.argv[3]),
} as const satisfies Record<string, () => Promise<number>>;

const command = Object.entries(commands).find(([name]) => name === process.argv[2])?.[1];
if (!command) {
  process.stderr.write(`groundcrew: usage: node src/main.ts ${Object.keys(commands).join('|')}\n`);
  process.exit(1);
}
try {
  process.exit(await command());
} catch (error) {
  const { describeError } = await import('./commands/describe-error.ts');
  process.stderr.write(`groundcrew: ${describeError(error)}\n`);
  process.exit(1);
}
