import { expect, test } from "vitest";
import { parseChallenges } from "./challenge.js";

function parsed(header: string): [string, Record<string, string>][] {
  return parseChallenges(header).map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ]);
}

test.each<[string, [string, Record<string, string>][]]>([
  ['Basic realm="registry"', [["basic", { realm: "registry" }]]],
  [
    'Bearer realm="https://auth.example/token",service="a b",scope="repository:x:pull,push"',
    [
      [
        "bearer",
        {
          realm: "https://auth.example/token",
          service: "a b",
          scope: "repository:x:pull,push",
        },
      ],
    ],
  ],
  [
    'Negotiate, Basic realm="a \\"b\\"", BEARER Realm=plain , error=x',
    [
      ["negotiate", {}],
      ["basic", { realm: 'a "b"' }],
      ["bearer", { realm: "plain", error: "x" }],
    ],
  ],
  ["", []],
  ['"quoted"', []],
])("%s", (header, expected) => {
  expect(parsed(header)).toEqual(expected);
});
