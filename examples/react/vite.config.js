import { fileURLToPath } from 'node:url';

const target = process.env.GROUNDCREW_URL ?? 'http://127.0.0.1:4000';

export default {
  root: import.meta.dirname,
  // The page and the API are of one origin, so no setting has to allow another one.
  server: { proxy: { '/graphql': { target, ws: true } } },
  // In a project that has installed groundcrew, leave this out.
  resolve: {
    alias: {
      'groundcrew/client': fileURLToPath(new URL('../../dist/client/client.js', import.meta.url)),
    },
  },
};
