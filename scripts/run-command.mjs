// Child processes of the scripts: found tools, and commands whose output is shown only when they fail.
import { spawn, spawnSync } from "node:child_process";
import { ROOT } from "./stamp.mjs";

/** First line that `tool` prints for its version; undefined when it is not installed. */
export function toolVersion(tool, args = ["--version"]) {
  const result = spawnSync(tool, args, { encoding: "utf8" });
  if (result.error || result.status !== 0) return undefined;
  return (result.stdout || result.stderr).trim().split("\n")[0];
}

/**
 * Runs a command to its end. @throws Error with the end of its output when it fails; with `isShown` the
 * output goes to the terminal as it comes. Resolves with the last `keptBytes` of the output.
 */
export function run(
  command,
  args,
  { cwd = ROOT, env = {}, isShown = false, keptBytes = 20_000 } = {},
) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", isShown ? "inherit" : "pipe", isShown ? "inherit" : "pipe"],
    });
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-keptBytes);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    child.on("error", (error) => reject(new Error(`${command}: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ${args.join(" ")} failed (${signal ?? code})\n${output}`));
    });
  });
}
