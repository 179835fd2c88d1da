// The `git` of `repositories.ts` for a repository with `/held/` in its URL: it answers when the test does. Plain JavaScript and
// a bare socket, because many start at once while a test measures time.

import { connect } from 'node:net';

const url = process.argv.at(-1);
const pid = process.ppid;
// Ends when its worker was killed.
setInterval(() => process.ppid === pid || process.exit(1), 100).unref();

const asking = connect(Number(process.env.CHAOS_REPOSITORIES), '127.0.0.1');
asking.on('error', () => process.exit(128));
asking.pipe(process.stdout);
asking.write(`${JSON.stringify({ url, pid, ownPid: process.pid })}\n`);
