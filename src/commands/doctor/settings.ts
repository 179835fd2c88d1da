import { type Config, ConfigError, loadConfig, settingNames } from '../../config.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** What the settings are, with those that are wrong left out, so that all other checks can be made. */
export function checkSettings(env: NodeJS.ProcessEnv): { config: Config; findings: Finding[] } {
  const findings: Finding[] = [];
  const rest = { ...env };
  for (;;) {
    try {
      const config = loadConfig(rest);
      if (findings.length === 0) findings.push(ok(describeSettings(env)));
      return { config, findings: [...findings, ...unknownSettings(env)] };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const name = error.message.split(' ', 1)[0] ?? '';
      findings.push(problem(error.message, 'The other checks use its default.'));
      delete rest[name];
    }
  }
}

function describeSettings(env: NodeJS.ProcessEnv): string {
  const given = settingNames.filter((name) => env[name] !== undefined);
  return given.length === 0
    ? 'All settings have their defaults.'
    : `Settings that are given: ${given.join(', ')}.`;
}

/** Variables that look like ours, and that nothing reads. */
function unknownSettings(env: NodeJS.ProcessEnv): Finding[] {
  const known = new Set<string>([...settingNames, 'GROUNDCREW_TEST_RUN', 'GROUNDCREW_URL']);
  return Object.keys(env)
    .filter((name) => name.startsWith('GROUNDCREW_') && !known.has(name))
    .map((name) =>
      warning(`${name} is not a setting.`, 'Check its spelling against the table in README.md.'),
    );
}
