import { isPublicAddress, literalAddress } from './addresses.ts';

const maxLength = 2_000;

/**
 * Why a webhook cannot have this URL, in a sentence for users that contains nothing of it; null when it can. Looks at nothing
 * but the text: what a name resolves to is checked at each connection.
 */
export function refusalOfUrl(text: string, allowPrivate: boolean): string | null {
  if (text.length > maxLength) return `url must have at most ${maxLength} characters.`;
  const url = URL.parse(text);
  // The parser of URLs removes what is hidden, so that two that look alike would be one.
  if (!url || /[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text))
    return 'url must be a URL such as https://example.com/hooks.';
  // The parser also takes `https:example.com` and backslashes, which other programs read otherwise.
  const isHttp = allowPrivate && /^http:\/\//i.test(text);
  if (!/^https:\/\//i.test(text) && !isHttp) {
    return allowPrivate ? 'url must begin with https:// or http://.' : 'url must begin with https://.';
  }
  if (url.username !== '' || url.password !== '') {
    return 'url must not contain a user name or a password. The signature shows the receiver who sent a delivery.';
  }
  if (url.hash !== '') return 'url must not have a fragment: it is never sent.';
  const address = literalAddress(url.hostname);
  if (!allowPrivate && address !== null && !isPublicAddress(address)) {
    return 'url must not name a private, loopback or link-local address.';
  }
  return null;
}
