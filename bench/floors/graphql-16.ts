// Mercurius asks for graphql 16, and its JIT does not run on 17. It gets 16, which is installed under another name; nothing else
// in its process needs graphql. Imported for its effect, before Mercurius.
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) => next(specifier.replace(/^graphql(?=\/|$)/, 'graphql-16'), context),
});
