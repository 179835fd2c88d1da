import { useSyncExternalStore } from 'react';
import { type ConnectionState, createGroundcrew } from '../client/client.ts';
import { leaveForLogin } from './login/return-path.ts';
import { sendRequest } from './requests.ts';

/** The page's one client. Its visitor has signed in with a cookie, so it holds no token. */
export const groundcrew = createGroundcrew({
  url: location.origin,
  onUnauthenticated: leaveForLogin,
  fetch: sendRequest,
});

/** The state of the WebSocket, kept current. */
export function useConnectionState(): ConnectionState {
  return useSyncExternalStore(groundcrew.connection.onChange, groundcrew.connection.getState);
}
