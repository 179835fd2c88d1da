import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Listens on a free port until SIGTERM, and says so as Groundcrew does. */
export function serve(server: Server): void {
  process.on('SIGTERM', () => process.exit(0));
  // As many at once as a load opens.
  server.listen(0, '127.0.0.1', 4096, () => {
    console.log(`ready on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
}
