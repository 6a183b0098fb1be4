// Many small numbers as a short text: `0-12,15`.

/** @param numbers ascending. */
export function rangesOf(numbers: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < numbers.length;) {
    const first = numbers[at] ?? 0;
    let last = first;
    while (numbers[at + 1] === last + 1) {
      at++;
      last++;
    }
    at++;
    ranges.push(first === last ? String(first) : `${first}-${last}`);
  }
  return ranges.join();
}

/** @throws Error when one is not below `end`, or the text is no such thing. */
export function numbersIn(text: string, end: number): readonly number[] {
  const numbers: number[] = [];
  for (const range of text === "" ? [] : text.split(",")) {
    const [, from = "", to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(range) ?? [];
    const previous = numbers.at(-1) ?? -1;
    if (from === "" || Number(from) <= previous || Number(to) < Number(from) || Number(to) >= end)
      throw new Error(`\`${range}\` is no range below ${end}`);
    for (let number = Number(from); number <= Number(to); number++) numbers.push(number);
  }
  return numbers;
}
