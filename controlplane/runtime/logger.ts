// What happened, one line each, for the operator.

export type LogLevel = "debug" | "info" | "warn" | "error";

export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/**
 * Writes `<RFC 3339 time> <level> <message>`, levels below `level` left out. A message of several lines
 * stays one line: each line break is written as `\n`, so that input cannot forge a line of its own.
 */
export function createLogger(level: LogLevel, write: (line: string) => void): Logger {
  const threshold = LOG_LEVELS.indexOf(level);
  const log = (of: LogLevel) => (message: string) => {
    if (LOG_LEVELS.indexOf(of) < threshold) return;
    const text = message.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
    write(`${new Date().toISOString()} ${of.padEnd(5)} ${text}`);
  };
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}
