// Mercurius and its JIT do not run on graphql 17. They get version 16, which is installed under another name; nothing else in
// their process needs graphql. Imported for its effect, before Mercurius.
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) => next(specifier.replace(/^graphql(?=\/|$)/, 'graphql-16'), context),
});
