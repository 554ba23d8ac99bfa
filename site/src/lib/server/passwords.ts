import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(argon2);

/** Argon2id with OWASP's parameters (2024): 19 MiB, two passes. */
const parameters = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 };

const tag = (password: string, nonce: Buffer): Promise<Buffer> =>
  derive("argon2id", { message: Buffer.from(password.normalize("NFKC")), nonce, ...parameters }) as Promise<Buffer>;

/** A password as it is stored: salt and hash. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16);
  return `argon2id$${nonce.toString("base64")}$${(await tag(password, nonce)).toString("base64")}`;
}

export async function verifyPassword({ hash, password }: { readonly hash: string; readonly password: string }): Promise<boolean> {
  const [kind, nonce, expected] = hash.split("$");
  if (kind !== "argon2id" || !nonce || !expected) return false;
  const [a, b] = [Buffer.from(expected, "base64"), await tag(password, Buffer.from(nonce, "base64"))];
  return a.length === b.length && timingSafeEqual(a, b);
}
