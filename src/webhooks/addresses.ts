import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup } from 'node:dns/promises';
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
  const addresses = await lookup(hostname, { ...options, all: true });
  const allowed = allowPrivate ? addresses : addresses.filter(({ address }) => isPublicAddress(address));
  if (allowed.length === 0) {
    throw new AddressRefusedError('The name of the receiver does not resolve to a public address.');
  }
  return allowed;
}
