// Creates a task on the given repository and prints each revision until the task is ready. Needs Node 22 or later.
// GROUNDCREW_TOKEN=… node examples/watch-task.mjs https://github.com/your/repository

import { createGroundcrew } from 'groundcrew/client';

const { GROUNDCREW_URL: url = 'http://127.0.0.1:4000', GROUNDCREW_TOKEN: token } = process.env;
const groundcrew = createGroundcrew({ url, token });
const { id } = await groundcrew.createTask({ repoUrl: process.argv[2], prompt: 'Say hello' });
for await (const task of groundcrew.watchTask(id, { afterRevision: 0 })) {
  console.log(task.revision, task.status, task.error?.message ?? '');
  if (!task.status.startsWith('INIT_')) break;
}
await groundcrew.close();
