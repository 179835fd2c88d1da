import { readFileSync, writeFileSync } from 'node:fs';
import {
  astFromValue,
  buildSchema,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLOutputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  isUnionType,
  print,
} from 'graphql';

// `npm run generate` writes docs/reference.md; `npm run check` fails when it is stale.

type Field = GraphQLField<unknown, unknown>;

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));
const rootFields = [
  ['Queries', fieldsOf('Query')],
  ['Mutations', fieldsOf('Mutation')],
  ['Subscriptions', fieldsOf('Subscription')],
] as const;
/** The two types of every list, and the arguments; the page describes them once. */
const isOfPages = ({ name }: GraphQLNamedType) => /(Connection|Edge)$/.test(name);
const pageArguments = ['first', 'after', 'last', 'before'];

const types = Object.values(schema.getTypeMap())
  .filter(({ name }) => !name.startsWith('__') && !['Query', 'Mutation', 'Subscription'].includes(name))
  .filter((type) => !isSpecifiedScalarType(type) && !isOfPages(type))
  .sort((a, b) => a.name.localeCompare(b.name));
const sections = [
  ['Objects', types.filter((type) => isObjectType(type) || isInterfaceType(type) || isUnionType(type))],
  ['Inputs', types.filter(isInputObjectType)],
  ['Enums', types.filter(isEnumType)],
  ['Scalars', types.filter(isScalarType)],
] as const;

function fieldsOf(name: string): Field[] {
  const type = schema.getType(name);
  return isObjectType(type) ? Object.values(type.getFields()) : [];
}

/** A second heading of the same name, whatever its case, has a number in its link: the field `task`, the type `Task`. */
const fieldNames = new Set(rootFields.flatMap(([, fields]) => fields.map(({ name }) => name.toLowerCase())));
const anchorOf = (type: GraphQLNamedType) =>
  `#${type.name.toLowerCase()}${fieldNames.has(type.name.toLowerCase()) ? '-1' : ''}`;

/** Names a type, and links to what the page says about it. */
function link(type: GraphQLOutputType | GraphQLInputType): string {
  const named = getNamedType(type);
  if (isSpecifiedScalarType(named)) return `\`${type}\``;
  return `[\`${type}\`](${isOfPages(named) ? '#pages' : anchorOf(named)})`;
}

const oneLine = (text: string | null | undefined) => (text ?? '').replace(/\s*\n\s*/g, ' ').trim();
const cell = (text: string) => text.replaceAll('|', '\\|');
const deprecation = (reason: string | null | undefined) =>
  reason ? ` **Deprecated:** ${oneLine(reason)}` : '';

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return `\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

function defaultOf({ default: value, type }: GraphQLArgument | GraphQLInputField): string {
  if (!value) return '';
  const node = 'literal' in value ? value.literal : astFromValue(value.value, type);
  return node ? ` = ${print(node)}` : '';
}

function inputs(head: string, values: readonly (GraphQLArgument | GraphQLInputField)[]): string {
  const rows = values.map((value) => [
    `\`${value.name}\``,
    link(value.type) + (defaultOf(value) && ` \`${defaultOf(value).trim()}\``),
    oneLine(value.description) + deprecation(value.deprecationReason),
  ]);
  return table([head, 'type', 'meaning'], rows);
}

function rootField(field: Field): string {
  const isPage = isOfPages(getNamedType(field.type));
  const args = field.args.filter(({ name }) => !(isPage && pageArguments.includes(name)));
  return `
### ${field.name}

${oneLine(field.description)}${deprecation(field.deprecationReason)}

Returns ${link(field.type)}${isPage ? ', with the arguments of [pages](#pages)' : ''}.
${inputs('argument', args)}`;
}

function fieldRow(field: Field): string[] {
  const isPage = isOfPages(getNamedType(field.type));
  const args = isPage ? '' : field.args.map(({ name }) => name).join(', ');
  return [
    `\`${field.name}${args && `(${args})`}\``,
    link(field.type),
    oneLine(field.description) + deprecation(field.deprecationReason),
  ];
}

function describe(type: GraphQLNamedType): string {
  const head = `\n### ${type.name}\n\n${oneLine(type.description)}\n`;
  if (isObjectType(type) || isInterfaceType(type)) {
    return head + table(['field', 'type', 'meaning'], Object.values(type.getFields()).map(fieldRow));
  }
  if (isInputObjectType(type)) return head + inputs('field', Object.values(type.getFields()));
  if (isUnionType(type)) return `${head}\nOne of ${type.getTypes().map(link).join(', ')}.\n`;
  if (!isEnumType(type)) return head;
  const rows = type
    .getValues()
    .map(({ name, description, deprecationReason }) => [
      `\`${name}\``,
      oneLine(description) + deprecation(deprecationReason),
    ]);
  return head + table(['value', 'meaning'], rows);
}

const contents = [
  ...rootFields.map(
    ([title, fields]) => [title, fields.map(({ name }) => `[${name}](#${name.toLowerCase()})`)] as const,
  ),
  ...sections.map(
    ([title, parts]) => [title, parts.map((type) => `[${type.name}](${anchorOf(type)})`)] as const,
  ),
].map(([title, links]) => `**${title}** ${links.join(' · ')}`);

const page = `# API reference

<!-- Written by npm run generate from schema.graphql. Edit the descriptions in src/schema instead. -->

What can be asked of \`POST /graphql\` and of the WebSocket at the same address. \`!\` means: never null; \`[…]\`: a list.
[Getting started](getting-started.md) has the first call, and [schema.graphql](../schema.graphql) the same for programs.

${contents.join('\n\n')}

## Pages

A list of objects of a type \`X\` is an \`XConnection\`. [Pagination](pagination.md) says how to read one.
${inputs(
  'argument',
  pageArguments.flatMap(
    (name) =>
      fieldsOf('Query')
        .find((field) => field.name === 'tasks')
        ?.args.filter((arg) => arg.name === name) ?? [],
  ),
)}
| field | type | meaning |
| --- | --- | --- |
| \`nodes\` | \`[X!]!\` | The objects of the page. |
| \`edges\` | \`[XEdge!]!\` | The same, each as \`node\` with its \`cursor\`. |
| \`pageInfo\` | [\`PageInfo!\`](#pageinfo) | Where the page is in the list. |
${rootFields.map(([title, fields]) => `\n## ${title}\n${fields.map(rootField).join('')}`).join('')}${sections.map(([title, parts]) => `\n## ${title}\n${parts.map(describe).join('')}`).join('')}`;

writeFileSync('docs/reference.md', page);
