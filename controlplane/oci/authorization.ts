// Shows a registry who asks: by password, or by a token that its authorization server gives for one repository.
// https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/
import { type Challenge, parseChallenges } from "./challenge.js";
import type { CredentialSource, Credentials } from "./docker-config.js";
import { type HttpOptions, exchange } from "./http-exchange.js";

export interface Access {
  readonly registry: string;
  readonly repository: string;
  readonly actions: "pull" | "pull,push";
}

const MAX_TOKEN_BYTES = 1024 * 1024;
const CLIENT_ID = "metaproto";

/** Answers challenges, and remembers what worked for as long as it lives. */
export class Authorization {
  private readonly headers = new Map<string, string>();

  /** @param credentials undefined: everybody's access only. */
  constructor(
    private readonly credentials: CredentialSource | undefined,
    private readonly http: HttpOptions,
  ) {}

  /** What was shown the last time; undefined: nothing. */
  known(access: Access): string | undefined {
    return this.headers.get(keyOf(access));
  }

  /**
   * The value of `Authorization` that a registry asks for.
   * @param place for messages. @param header its WWW-Authenticate.
   * @throws Error when there is nothing to show, or the authorization server refuses it.
   */
  async answer(access: Access, place: string, header: string): Promise<string> {
    const challenges = parseChallenges(header);
    const credentials = await this.credentials?.(access.registry);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    const isBasic = challenges.some(({ scheme }) => scheme === "basic");
    const shown = await this.shown(access, place, { bearer, isBasic, credentials });
    this.headers.set(keyOf(access), shown);
    return shown;
  }

  private async shown(
    access: Access,
    place: string,
    from: {
      readonly bearer: Challenge | undefined;
      readonly isBasic: boolean;
      readonly credentials: Credentials | undefined;
    },
  ): Promise<string> {
    const { bearer, isBasic, credentials } = from;
    if (credentials?.kind === "registryToken") return `Bearer ${credentials.token}`;
    if (bearer !== undefined)
      return `Bearer ${await this.token(access, place, bearer, credentials)}`;
    if (!isBasic) throw new Error(`${place}: 401, in a way that is not supported`);
    if (credentials?.kind !== "password")
      throw new Error(`${place}: 401, and there are no credentials for ${access.registry}`);
    return basic(credentials);
  }

  private async token(
    { repository, actions }: Access,
    place: string,
    { parameters }: Challenge,
    credentials: Credentials | undefined,
  ): Promise<string> {
    const realm = parameters.get("realm");
    if (realm === undefined || !URL.canParse(realm))
      throw new Error(`${place}: 401, without an address to get a token from`);
    const url = new URL(realm);
    const service = parameters.get("service") ?? "";
    const scope = parameters.get("scope") ?? `repository:${repository}:${actions}`;
    const isExchange = credentials?.kind === "identityToken";
    if (!isExchange) {
      if (service !== "") url.searchParams.set("service", service);
      url.searchParams.set("scope", scope);
    }
    const answer = await exchange(
      isExchange
        ? {
            method: "POST",
            url,
            headers: { "content-type": "application/x-www-form-urlencoded" },
            body: new URLSearchParams({
              ...{ grant_type: "refresh_token", service, scope, client_id: CLIENT_ID },
              refresh_token: credentials.token,
            }).toString(),
          }
        : {
            method: "GET",
            url,
            ...(credentials?.kind === "password" && {
              headers: { authorization: basic(credentials) },
            }),
          },
      this.http,
    );
    if (answer.status !== 200) throw await answer.failure();
    return tokenOf((await answer.body(MAX_TOKEN_BYTES)).content, answer.place);
  }
}

function tokenOf(content: Buffer, place: string): string {
  let token: unknown;
  try {
    const fields = JSON.parse(content.toString("utf8")) as Record<string, unknown>;
    token = fields["token"] ?? fields["access_token"];
  } catch {
    // Said below: the parser's message would quote a token.
  }
  // Whatever else it is, it must not end the header that it goes into.
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token))
    throw new Error(`${place}: the answer has no token`);
  return token;
}

function basic({ username, password }: Credentials & { readonly kind: "password" }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function keyOf({ registry, repository, actions }: Access): string {
  return `${registry}/${repository} ${actions}`;
}
