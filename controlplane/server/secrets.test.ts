import { expect, test } from "vitest";
import { withoutSecrets, withoutSecretText } from "./secrets.js";

test("passwords are left out wherever they are, and nothing else is", () => {
  const shown = withoutSecrets({
    auth: { username: "app", password: "guess" },
    listeners: [{ downstream_auth_passwords: [{ inline_string: "guess" }], name: "a" }],
    auth_password: { inline_string: "guess" },
    nothing: null,
  });
  expect(shown).toEqual({
    auth: { username: "app", password: "[redacted]" },
    listeners: [{ downstream_auth_passwords: "[redacted]", name: "a" }],
    auth_password: "[redacted]",
    nothing: null,
  });
});

test.each([
  [`bad (x): auth_password { inline_string: "a\\"b" } stat_prefix: "s"`, `stat_prefix: "s"`],
  [`{"downstreamAuthPasswords":[{"inlineString":"a\\"b"}],"statPrefix":"s"}`, `"statPrefix":"s"`],
])("what Envoy quotes of a configuration that it refuses", (message, rest) => {
  const shown = withoutSecretText(message);
  expect(shown).not.toContain('b"');
  expect(shown).toContain('"[redacted]"');
  expect(shown).toContain(rest);
});
