// The name of a project, of which those of its package, classes and metrics are made.

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const MAX_LENGTH = 50;

/** What keeps a name from being one; undefined: nothing. */
export function projectNameFault(name: string): string | undefined {
  if (name.length > MAX_LENGTH) return `must not be longer than ${MAX_LENGTH} characters`;
  return NAME.test(name)
    ? undefined
    : "must consist of small letters and digits, in words that are joined by `-`, and begin with a letter";
}

/** `rate-by-caller` as a class is called: `RateByCaller`. */
export function className(name: string): string {
  return name
    .split("-")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

/** `rate-by-caller` as a metric is called: `rate_by_caller`. */
export function metricName(name: string): string {
  return name.replaceAll("-", "_");
}
