// Preloaded into a process: prints each module of OpenTelemetry that it loads, but for the API, of which prom-client makes use.
import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, next) {
    if (/@opentelemetry\/(?!api\/)/.test(url)) process.stderr.write(`loads ${url}\n`);
    return next(url, context);
  },
});
