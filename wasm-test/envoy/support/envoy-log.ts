// Which lines of Envoy's log mean that a test must fail, whatever else it asserted.

/** Envoy's default log format: `[date time][thread][level][logger] [file:line] message`. */
const LOG_LINE = /^\[[^\]]*\]\[\d+\]\[(\w+)\]\[([\w.]+)\] \[[^\]]*\] (.*)$/;

/** What a wasm module itself logs, at any level; it is no failure of the VM. */
const MODULE_LOG = /^wasm log\b/;

/**
 * The lines that report a crash, a critical condition, or a failed wasm VM: any line of level
 * critical, and what the wasm extension logs as an error other than a module's own log.
 */
export function failuresInLog(lines: readonly string[]): string[] {
  return lines.filter((line) => {
    const match = LOG_LINE.exec(line);
    if (match === null) return false;
    const [, level, logger, message = ""] = match;
    if (level === "critical") return !(logger === "wasm" && MODULE_LOG.test(message));
    return level === "error" && logger === "wasm" && !MODULE_LOG.test(message);
  });
}
