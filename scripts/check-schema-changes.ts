import { changesSinceRelease } from './schema-changes.ts';

// Names every change of the schema since the last release that may break a client, and fails for one that was not announced.

const { due, refused, dangerous } = await changesSinceRelease(new Date());
function say(what: string, changes: readonly { readonly message: string }[]): void {
  for (const { message } of changes) process.stderr.write(`schema: ${what}: ${message}\n`);
}

say('dangerous', dangerous);
say('breaking, and announced three months ago', due);
say('breaking', refused);
if (refused.length > 0) {
  process.stderr.write(
    'Deprecate it instead, with the day in the reason. It may go three months after a release that says so.\n',
  );
  process.exitCode = 1;
}
