// A registry of packages that has what is installed in this repository, so that `npm install` needs no network.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGES = fileURLToPath(new URL("../../../node_modules/", import.meta.url));
const ARCHIVE = "/-/archive.tar";

/** Call `stop` in the test's clean-up. */
export class LocalRegistry {
  private constructor(private readonly server: Server) {}

  static async start(): Promise<LocalRegistry> {
    const server = createServer((request, response) => {
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new LocalRegistry(server);
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}/`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = decodeURIComponent(request.url ?? "").slice(1);
  const isArchive = path.endsWith(ARCHIVE);
  const name = isArchive ? path.slice(0, -ARCHIVE.length) : path;
  const folder = join(PACKAGES, name);
  if (!/^(@[\w.-]+\/)?[\w.-]+$/.test(name) || !existsSync(join(folder, "package.json"))) {
    response.writeHead(404).end("{}");
    return;
  }
  if (isArchive) {
    const args = ["-C", folder, "--exclude=./node_modules", "--transform=s,^[.],package,"];
    spawn("tar", [...args, "-cf", "-", "."], {
      stdio: ["ignore", "pipe", "inherit"],
    }).stdout.pipe(response);
    return;
  }
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly version: string;
  };
  const { version } = manifest;
  const tarball = `http://${request.headers.host ?? ""}/${name}${ARCHIVE}`;
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify({
      name,
      "dist-tags": { latest: version },
      versions: { [version]: { ...manifest, dist: { tarball } } },
    }),
  );
}
