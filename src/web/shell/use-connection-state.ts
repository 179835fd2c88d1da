import { useSyncExternalStore } from 'react';
import type { ConnectionState } from '../../client/client.ts';
import { groundcrew } from '../groundcrew.ts';

/** The state of the WebSocket, kept current. */
export function useConnectionState(): ConnectionState {
  return useSyncExternalStore(groundcrew.connection.onChange, groundcrew.connection.getState);
}
