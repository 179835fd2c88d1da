import { describe, expect, it } from 'vitest';
import { describeRefusal, parseRepoUrl } from '../../src/repository/repo-url.ts';

describe('parseRepoUrl', () => {
  it.each([
    ['https://github.com/o/r', 'https://github.com/o/r', 'o/r'],
    ['https://github.com/o/r.git', 'https://github.com/o/r', 'o/r'],
    ['https://github.com/o/r/', 'https://github.com/o/r', 'o/r'],
    ['https://github.com/o/r.git/', 'https://github.com/o/r', 'o/r'],
    ['  https://GitHub.com:443/o/r  ', 'https://github.com/o/r', 'o/r'],
    ['HTTPS://github.com/o/r', 'https://github.com/o/r', 'o/r'],
    ['https://example.com:8443/group/sub/r', 'https://example.com:8443/group/sub/r', 'sub/r'],
    ['http://127.0.0.1:3000/r', 'http://127.0.0.1:3000/r', 'r'],
    ['https://[::1]:8443/o/r', 'https://[::1]:8443/o/r', 'o/r'],
    ['ssh://git@example.com/o/r.git', 'ssh://git@example.com/o/r', 'o/r'],
    ['ssh://git@example.com:22/o/r', 'ssh://git@example.com/o/r', 'o/r'],
    ['git@github.com:o/r.git', 'git@github.com:o/r', 'o/r'],
    ['github.com:o/r/', 'github.com:o/r', 'o/r'],
    ['git@Example.com:/srv/git/r.git', 'git@example.com:/srv/git/r', 'git/r'],
    ['git@Example.com:~user/r.git', 'git@example.com:~user/r', '~user/r'],
    [
      'https://dev.azure.com/org/My Project/_git/r',
      'https://dev.azure.com/org/My%20Project/_git/r',
      '_git/r',
    ],
    ['https://h/My%20Project/r', 'https://h/My%20Project/r', 'My Project/r'],
    ['ssh://git@h/a b/r.git', 'ssh://git@h/a%20b/r', 'a b/r'],
    ['git@h:a b/r.git', 'git@h:a b/r', 'a b/r'],
    ['/srv/a b', '/srv/a b', 'a b'],
    ['/srv/repositories/r/', '/srv/repositories/r', 'r'],
    ['/srv/./repositories//r', '/srv/repositories/r', 'r'],
    ['/srv/repositories/r/.git', '/srv/repositories/r/.git', 'r'],
    ['file:///srv/a%20b', '/srv/a b', 'a b'],
  ])('parses %j as %s', (input, canonical, name) => {
    const local = canonical.startsWith('/');
    expect(parseRepoUrl(input)).toMatchObject({ canonical, name, local });
  });

  it.each(['https://github.com/o/r', 'git@github.com:o/r.git', 'ssh://git@example.com:2222/o/r'])(
    'returns the url %j without the white space around it',
    (input) => expect(parseRepoUrl(`\n ${input} \t`)?.url).toBe(input),
  );

  it('returns the protocol in lower case', () =>
    expect(parseRepoUrl('HTTPS://github.com/O/r')?.url).toBe('https://github.com/O/r'));

  it('returns an address with spaces in the form that git accepts', () => {
    expect(parseRepoUrl('https://h/a b/r')?.url).toBe('https://h/a%20b/r');
    expect(parseRepoUrl('git@h:a b/r')?.url).toBe('git@h:a b/r');
  });

  it('distinguishes upper and lower case in paths', () => {
    expect(parseRepoUrl('https://h/O/r')?.canonical).not.toBe(parseRepoUrl('https://h/o/r')?.canonical);
  });

  it.each([
    '',
    '   ',
    '/\0',
    'o/r',
    './r',
    '../r',
    '~/r',
    '--upload-pack=touch /tmp/x',
    '-oProxyCommand=x',
    'ext::sh -c "touch /tmp/x"',
    'fd::3',
    'git::https://h/r',
    'transport::address',
    'ftp://h/o/r',
    'git://h/o/r',
    'javascript:alert(1)//x y',
    'file://host/share',
    '//host/share',
    'file:///%00',
    'file:///a%0Ab',
    'https:/host/o/r',
    'git@host://o/r',
    'https://h:0/o/r',
    'ssh://h:99999/o/r',
    'https://h/o/\u202er',
    'https://',
    'https:///o/r',
    'https://h',
    'https://h/',
    'https://h/..',
    'https://h/o/../r',
    'https://h//o/r',
    'https://h/.git',
    'https://h/o/r?x=1',
    'https://h/o/r#main',
    'https://h/o\u00a0r',
    'h: o r',
    'C:\\repo',
    'c:repo\\part',
    'C:/repo',
    '\\\\server\\share',
    'file:///C:/repo',
    'file:///c%3A/repo',
    'https://user:secret@h/o/r',
    'https://token@h/o/r',
    'ssh://git:secret@h/o/r',
    'ssh://-oProxyCommand=x/o/r',
    'ssh://-x@h/o/r',
    'ssh://h:99999999/o/r',
    '-x@h:o/r',
    'h:-x',
    'git@-oProxyCommand=x:o/r',
    'https://h/o/r\nsecond',
    'https://h/o\u0007/r',
    'https://h\u0000/o/r',
    `https://h/${'x'.repeat(1_000)}`,
  ])('returns null for %j', (input) => {
    expect(parseRepoUrl(input)).toBeNull();
  });
});

describe('describeRefusal', () => {
  it.each([
    ['https://myorg@dev.azure.com/myorg/proj/_git/repo', 'Take the user name out of the URL.'],
    ['https://user@bitbucket.org/o/r.git', 'Take the user name out of the URL.'],
    ['HTTPS://user@h/o/r', 'Take the user name out of the URL.'],
    ['https://user:secret@h/o/r', 'Take the user name and the password out of the URL.'],
    ['ssh://git:secret@h/o/r', 'Take the password out of the URL.'],
    ['C:\\Users\\me\\repo', 'Windows paths are not supported.'],
    ['file:///C:/repo', 'Windows paths are not supported.'],
    ['\\\\server\\share', 'Windows paths are not supported.'],
    ['ssh://git@h', 'This is not the URL of a git repository.'],
    ['o/r', 'This is not the URL of a git repository.'],
    ['', 'This is not the URL of a git repository.'],
  ])('explains for %j: %s', (input, sentence) => {
    expect(parseRepoUrl(input)).toBeNull();
    expect(describeRefusal(input)).toContain(sentence);
    expect(describeRefusal(input)).not.toContain('secret');
  });
});
