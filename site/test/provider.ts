import { createHash, createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** What a university knows of somebody. */
export interface Person {
  readonly sub: string;
  readonly email: string;
  readonly name?: string;
}

export interface Provider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who is at the keyboard; null refuses. */
  person: Person | null;
  /** Changes an id_token's claims before they are signed. */
  tamper: (claims: Record<string, unknown>) => Record<string, unknown>;
  /** Requests for which what the standard demands was missing or wrong. */
  readonly faults: string[];
  stop(): Promise<void>;
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = "";
  for await (const part of request) text += String(part);
  return new URLSearchParams(text);
}

/** A small OpenID Connect provider on loopback: discovery, authorization code with PKCE, id_tokens signed by RS256. */
export async function startProvider(): Promise<Provider> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const codes = new Map<string, { challenge: string; nonce: string | null; redirect: string; person: Person }>();
  const faults: string[] = [];
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const provider: Provider = {
    ...{ issuer, clientId: "gradus", clientSecret: "a secret", person: null, tamper: (claims) => claims, faults },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  const sign = (claims: Record<string, unknown>): string => {
    const text = `${base64({ alg: "RS256", typ: "JWT", kid: "1" })}.${base64(claims)}`;
    return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey).toString("base64url")}`;
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, issuer);
    const json = (status: number, value: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (url.pathname === "/.well-known/openid-configuration")
      return void json(200, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/keys`,
        response_types_supported: ["code"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
      });
    if (url.pathname === "/keys")
      return void json(200, { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }] });
    if (url.pathname === "/authorize") {
      const given = url.searchParams;
      const redirect = new URL(given.get("redirect_uri") ?? "about:blank");
      for (const [name, expected] of [
        ["client_id", "gradus"],
        ["response_type", "code"],
        ["code_challenge_method", "S256"],
      ] as const)
        if (given.get(name) !== expected) faults.push(`${name}: ${given.get(name)}`);
      if (!given.get("scope")?.split(" ").includes("openid")) faults.push(`scope: ${given.get("scope")}`);
      redirect.searchParams.set("state", given.get("state") ?? "");
      if (provider.person) {
        const code = randomUUID();
        codes.set(code, {
          ...{ challenge: given.get("code_challenge") ?? "", nonce: given.get("nonce") },
          ...{ redirect: given.get("redirect_uri") ?? "", person: provider.person },
        });
        redirect.searchParams.set("code", code);
      } else redirect.searchParams.set("error", "access_denied");
      return void response.writeHead(302, { location: redirect.href }).end();
    }
    if (url.pathname === "/token" && request.method === "POST") {
      const given = await formOf(request);
      const known = codes.get(given.get("code") ?? "");
      codes.delete(given.get("code") ?? "");
      const basic = Buffer.from(request.headers.authorization?.replace(/^Basic /, "") ?? "", "base64").toString();
      const secret = given.get("client_secret") ?? decodeURIComponent(basic.slice(basic.indexOf(":") + 1));
      const verified =
        createHash("sha256")
          .update(given.get("code_verifier") ?? "")
          .digest("base64url") === known?.challenge;
      if (!known || !verified || secret !== provider.clientSecret || given.get("redirect_uri") !== known.redirect) {
        faults.push(`token: ${verified ? "" : "PKCE "}${secret}`);
        return void json(400, { error: "invalid_grant" });
      }
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: issuer, aud: "gradus", iat: now, exp: now + 300, nonce: known.nonce, ...known.person };
      return void json(200, { access_token: randomUUID(), token_type: "Bearer", expires_in: 300, id_token: sign(provider.tamper(claims)) });
    }
    response.writeHead(404).end();
  }
  return provider;
}
