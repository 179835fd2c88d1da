import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Compiling is half of a start, and the tasks of a killed worker wait for one. Modules that are imported before this line
// are compiled each time, so each command is imported only when it is asked for.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/node'));

// Nobody may read the output any more: the terminal was closed, or a pipe's reader has ended. That must not end the work.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {});

const commands = {
  start: async () => (await import('./commands/serve.ts')).serve('start'),
  api: async () => (await import('./commands/serve.ts')).serve('api'),
  worker: async () => (await import('./commands/serve.ts')).serve('worker'),
  migrate: async () => (await import('./commands/migrate.ts')).runMigrations(),
  doctor: async () => (await import('./commands/doctor/doctor.ts')).doctor(process.argv[3]),
  token: async () => (await import('./commands/token.ts')).token(process.argv.slice(3)),
  audit: async () => (await import('./commands/audit.ts')).audit(process.argv.slice(3)),
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
