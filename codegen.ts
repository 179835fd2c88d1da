import type { CodegenConfig } from '@graphql-codegen/cli';

// schema.graphql and the documents of the client become typed documents, in src/client/generated.
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'src/client/operations.graphql',
  generates: {
    'src/client/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        importExtension: '.ts',
        useTypeImports: true,
        enumsAsTypes: true,
        scalars: { ID: 'string', DateTime: 'string' },
        defaultScalarType: 'unknown',
      },
    },
  },
};

export default config;
