/** Service Restart (RFC 6455 registry): the server stops. Clients reconnect, to another server where there is one. */
export const serviceRestart = 1012;

/**
 * Try Again Later (RFC 6455 registry): for slow readers and while authentication is unavailable. Clients reconnect after it;
 * the protocol's 44xx codes are mostly fatal.
 */
export const tryAgainLater = 1013;
