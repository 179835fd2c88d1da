// The `git` of `repositories.ts` for a repository with `/held/` in its URL: it answers when the test does.

import { request } from 'node:http';

const url = process.argv.at(-1);
const pid = process.ppid;
// Ends when its worker was killed.
setInterval(() => process.ppid === pid || process.exit(1), 100).unref();

const asking = request(`${process.env.CHAOS_REPOSITORIES}/look`, { method: 'POST' }, (answer) => {
  answer.pipe(process.stdout);
  answer.on('end', () => process.exit(0));
});
asking.on('error', () => process.exit(128));
asking.end(JSON.stringify({ url, pid }));
