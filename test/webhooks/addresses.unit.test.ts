import { describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../src/webhooks/addresses.ts';
import { refusalOfUrl } from '../../src/webhooks/receiver-url.ts';

describe('isPublicAddress', () => {
  it.each(['8.8.8.8', '93.184.216.34', '2606:4700:4700::1111', '::ffff:8.8.8.8'])('accepts %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    ...[
      '127.0.0.1',
      '127.9.9.9',
      '0.0.0.0',
      '0.1.2.3',
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
    ],
    ...['169.254.169.254', '100.64.0.1', '100.127.255.255', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    ...['192.0.0.1', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1'],
    ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12::1', 'fec0::1', 'ff02::1'],
    ...[
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '::ffff:10.0.0.1',
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
    ],
    ...['2001::1', '2001:db8::1', 'localhost', '', 'x', '1.2.3'],
  ])('refuses %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('refusalOfUrl', () => {
  it.each([
    'https://example.com',
    'https://example.com:8443/hooks?key=1',
    'https://8.8.8.8/',
    'https://localhost/',
  ])('accepts %s, whatever it resolves to', (url) => {
    expect(refusalOfUrl(url, false)).toBeNull();
  });

  it.each([
    ['http', 'http://example.com/'],
    ['another protocol', 'ftp://example.com/'],
    ['no protocol', 'example.com/hooks'],
    ['nothing', ''],
    ['no slashes', 'https:example.com'],
    ['backslashes', 'https:\\\\example.com'],
    ['a user', 'https://user@example.com/'],
    ['a password', 'https://user:secret@example.com/'],
    ['a fragment', 'https://example.com/#top'],
    ['a space', 'https://example.com/a b'],
    ['a line break', 'https://example.com/\n'],
    ['a mark of direction', 'https://example.com/\u202e'],
    ['2,001 characters', `https://example.com/${'a'.repeat(1_981)}`],
    ['loopback', 'https://127.0.0.1/'],
    ['loopback as a number', 'https://2130706433/'],
    ['loopback in octal', 'https://0177.0.0.1/'],
    ['loopback, shortened', 'https://127.1/'],
    ['loopback in IPv6', 'https://[::1]/'],
    ['mapped loopback', 'https://[::ffff:127.0.0.1]/'],
    ['the metadata service', 'https://169.254.169.254/latest'],
    ['a private network', 'https://192.168.0.10/'],
  ])('refuses %s in a sentence that contains nothing of it', (_what, url) => {
    expect(refusalOfUrl(url, false)).toMatch(/^url must .*\.$/);
    expect(refusalOfUrl(url, false)).not.toContain('secret');
  });

  it('accepts http and private addresses where the server allows them', () => {
    expect(refusalOfUrl('http://127.0.0.1:3000/hooks', true)).toBeNull();
    expect(refusalOfUrl('ftp://127.0.0.1/', true)).toMatch(/https:\/\/ or http:\/\//);
  });
});
