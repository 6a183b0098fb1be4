# syntax=docker/dockerfile:1
# The control plane: `metaproto controller`, and every other command that needs no compiler.
#   docker build -t metaproto:0.1.0 .
ARG NODE=node:20-bookworm-slim

FROM ${NODE} AS build
WORKDIR /src
COPY . .
# Scripts of packages are of no use here: nothing native is built. Not `npm ci`: see scripts/setup.mjs.
RUN npm install --no-save --ignore-scripts --no-audit --no-fund && npm run -s build

# The packages that it runs with, and those of this repository among them as files.
FROM ${NODE} AS packages
WORKDIR /src
COPY package.json package-lock.json ./
COPY assembly/package.json assembly/package.json
COPY assembly/proxy-wasm-as/package.json assembly/proxy-wasm-as/package.json
COPY wasm-test/kit/package.json wasm-test/kit/package.json
RUN npm install --no-save --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /src/node_modules node_modules
COPY --from=build /src/package.json package.json
COPY --from=build /src/controlplane/dist controlplane/dist
COPY --from=build /src/build build
COPY --from=build /src/wasm-test/kit/package.json wasm-test/kit/package.json
COPY --from=build /src/wasm-test/kit/dist wasm-test/kit/dist
# The user `node` of the image, by number: Kubernetes cannot tell whether a name is root.
USER 1000:1000
ENTRYPOINT ["node", "/app/controlplane/dist/cli/main.js"]
CMD ["--help"]
