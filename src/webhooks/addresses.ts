import type { LookupAddress, LookupOptions } from 'node:dns';
import dns from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The receiver has no address that a delivery may go to. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
}

/** All addresses of the internet in IPv6 lie here; what lies elsewhere, such as the old site-local range, is somebody's own. */
const globalUnicast = ipaddr.parseCIDR('2000::/3');

/**
 * Whether an IP address is one of the public internet: not private, loopback, link-local, shared (100.64.0.0/10), multicast,
 * reserved, or one that stands for such an address of IPv4. False for what is no IP address.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  // `process` turns ::ffff:127.0.0.1 into 127.0.0.1, which is where the connection goes.
  const parsed = ipaddr.process(address);
  return parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || parsed.match(globalUnicast));
}

/** The IP address that a host of a URL is written as; null for a name. */
export function literalAddress(hostname: string): string | null {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) > 0 ? address : null;
}

/**
 * The look-up of names for a connection to a receiver. What it returns is what is connected to, so a name that resolves to
 * something else a moment later changes nothing. An address in the URL itself is never looked up: check it before.
 */
export function guardedLookup(allowPrivate: boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, options, allowPrivate).then(
      (addresses) => {
        const [first] = addresses as [LookupAddress];
        if (options.all) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, ''),
    );
  };
}

async function resolve(
  hostname: string,
  options: LookupOptions,
  allowPrivate: boolean,
): Promise<LookupAddress[]> {
  // Names of the operator's own network may stand in /etc/hosts or need a search domain.
  if (allowPrivate) return dns.lookup(hostname, { ...options, all: true });
  const addresses = isLocalName(hostname) ? [] : await lookUp(hostname);
  const allowed = addresses.filter(({ address }) => isPublicAddress(address));
  // The same for a name that does not exist: those who make webhooks are not told which names the server's network has.
  if (allowed.length === 0) {
    throw new AddressRefusedError('The name of the receiver does not resolve to a public address.');
  }
  return allowed;
}

/** Names that stand for this machine, whatever DNS says of them (RFC 6761). */
function isLocalName(hostname: string): boolean {
  return /(^|\.)localhost\.?$/i.test(hostname);
}

/** The code that the operating system's look-up has for this. */
const noAnswer = 'EAI_AGAIN';

/**
 * The addresses of a name: those of DNS, or, for a name that DNS does not know, those that the operating system knows, from
 * /etc/hosts for instance. Not all by the operating system: its look-up has two threads of this process, and two names whose
 * servers do not answer would keep all other names waiting. None when the name does not exist.
 */
async function lookUp(hostname: string): Promise<LookupAddress[]> {
  const [v4, v6] = await Promise.allSettled([dns.resolve4(hostname), dns.resolve6(hostname)]);
  const addresses = [
    ...(v4.status === 'fulfilled' ? v4.value.map((address) => ({ address, family: 4 })) : []),
    ...(v6.status === 'fulfilled' ? v6.value.map((address) => ({ address, family: 6 })) : []),
  ];
  if (addresses.length > 0) return addresses;
  const isMissing = [v4, v6].every(
    (answer) => answer.status === 'fulfilled' || ['ENOTFOUND', 'ENODATA'].includes(answer.reason.code),
  );
  if (!isMissing) throw Object.assign(new Error('DNS does not answer'), { code: noAnswer });
  return dns.lookup(hostname, { all: true }).catch(() => []);
}
