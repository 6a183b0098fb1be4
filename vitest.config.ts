import { defineConfig } from "vitest/config";

const minute = 60_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["controlplane/**/*.test.ts", "wasm-test/**/*.test.ts"],
          exclude: ["wasm-test/envoy/**", "wasm-test/mesh/**", "**/node_modules/**", "**/dist/**"],
          // A busy machine is no failure; what waits for a condition ends as soon as it holds.
          testTimeout: 5 * minute,
          // Hooks build what a file needs, or wait for the file that is building it.
          hookTimeout: 5 * minute,
          expect: { poll: { timeout: minute } },
        },
      },
      {
        test: {
          name: "envoy",
          include: ["wasm-test/envoy/**/*.test.ts"],
          // Each test starts an Envoy; two at once would distort each other's timing.
          fileParallelism: false,
          expect: { poll: { timeout: minute } },
          testTimeout: 5 * minute,
          hookTimeout: 5 * minute,
        },
      },
      {
        test: {
          name: "mesh",
          include: ["wasm-test/mesh/**/*.test.ts"],
          // Each file starts an API server and an istiod.
          fileParallelism: false,
          expect: { poll: { timeout: minute } },
          testTimeout: 5 * minute,
          hookTimeout: 5 * minute,
        },
      },
    ],
  },
});
