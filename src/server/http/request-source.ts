import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isSameOrigin } from '../auth/credentials.ts';

export interface RequestSourceOptions {
  /** Where the server listens. */
  readonly host: string;
  /** The origins whose pages may use the API, in addition to the server's own. */
  readonly corsOrigins: readonly string[];
}

/**
 * Why a request is refused for where it comes from; null when it is not. Two attacks by pages of other sites end here, before
 * any credential is looked at: requests and WebSockets to this server, and DNS rebinding, in which the name of the other site
 * is made to lead to this machine, so that the browser takes both for one site.
 */
export function refusalOfSource(request: IncomingMessage, options: RequestSourceOptions): string | null {
  const { origin, host = '' } = request.headers;
  const { corsOrigins } = options;
  if (isLoopback(options.host) && !isKnownHost(host, options)) {
    return 'The request is for a host name that this server does not have. Behind a proxy, name its origin in GROUNDCREW_CORS_ORIGINS.';
  }
  // Programs that are no browsers send none, or one that no site can have.
  if (origin === undefined || !/^(https?:|null$)/i.test(origin)) return null;
  if (isSameOrigin(request) || corsOrigins.includes(origin)) return null;
  return 'The request comes from a page whose origin may not use this server. It can be named in GROUNDCREW_CORS_ORIGINS.';
}

/** On a loopback address the server has few names. On others it cannot know them: a proxy or a name server gives them. */
function isKnownHost(header: string, { host, corsOrigins }: RequestSourceOptions): boolean {
  const name = hostnameOf(`http://${header}`);
  if (name === null) return false;
  return (
    isLoopback(name) ||
    name === host.toLowerCase() ||
    corsOrigins.some((origin) => hostnameOf(origin) === name)
  );
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (isIP(name) === 4) return name.startsWith('127.');
  return name === '::1' || name === 'localhost' || name.endsWith('.localhost');
}

function hostnameOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).hostname : null;
}
