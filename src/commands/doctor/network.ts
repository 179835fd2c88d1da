import { access, constants } from 'node:fs/promises';
import { redact } from '../../redact.ts';
import { type CheckGroup, type DoctorContext, type Finding, ok, problem, warning } from './finding.ts';

const proxies = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'];
const certificateFiles = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'GIT_SSL_CAINFO', 'CURL_CA_BUNDLE'];

export const network: CheckGroup = {
  title: 'Proxies and certificates',
  async *check({ env }) {
    yield* checkProxies(env);
    for (const name of certificateFiles) {
      const file = env[name];
      if (file) yield await checkCertificateFile(name, file);
    }
  },
};

/** Programs disagree about which spelling counts, so the two must say the same. */
function* checkProxies(env: DoctorContext['env']): Generator<Finding> {
  let given = 0;
  for (const lower of proxies) {
    const upper = lower.toUpperCase();
    const value = env[lower] || env[upper];
    if (!value) continue;
    given += 1;
    if (env[lower] && env[upper] && env[lower] !== env[upper]) {
      yield warning(
        `${lower} and ${upper} differ, and programs read one or the other.`,
        'Give both the same value.',
      );
    } else if (lower !== 'no_proxy' && !isProxy(value)) {
      yield problem(
        `${upper} is not the address of a proxy: ${redact(value)}.`,
        'Set it to http://HOST:PORT, or unset it.',
      );
    } else {
      yield ok(`${upper} is ${redact(value)}.`);
    }
  }
  if (given === 0) yield ok('No proxy is set.');
}

/** Git and agents also take an address without a scheme. */
function isProxy(value: string): boolean {
  const url = /^[a-z0-9]+:\/\//i.test(value) ? value : `http://${value}`;
  return URL.canParse(url) && new URL(url).hostname !== '';
}

async function checkCertificateFile(name: string, file: string): Promise<Finding> {
  try {
    await access(file, constants.R_OK);
    return ok(`${name} is ${file}.`);
  } catch (error) {
    return problem(
      `${name} cannot be read: ${(error as Error).message}.`,
      'Set it to a file with certificates, or unset it.',
    );
  }
}
