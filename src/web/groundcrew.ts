import { createGroundcrew } from '../client/client.ts';
import { leaveForLogin } from './login/return-path.ts';
import { sendRequest } from './requests.ts';

/** The page's one client. Its visitor has signed in with a cookie, so it holds no token. */
export const groundcrew = createGroundcrew({
  url: location.origin,
  onUnauthenticated: leaveForLogin,
  fetch: sendRequest,
});
