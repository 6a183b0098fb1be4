// Asks a running control plane.
import { errorMessage } from "../runtime/error-message.js";
import { type SocketAddress, formatSocketAddress } from "../server/socket-address.js";

const TIMEOUT_MS = 10_000;

/**
 * The JSON at an admin path.
 * @throws Error that says which control plane did not answer, or what it said.
 */
export async function adminJson(address: SocketAddress, path: string): Promise<unknown> {
  const base = `http://${formatSocketAddress(address)}`;
  let response: Response;
  try {
    response = await fetch(`${base}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new Error(`no control plane answers at ${base}: ${errorMessage(cause)}`, {
      cause: error,
    });
  }
  const body = await response.text();
  if (!response.ok) throw new Error(`${base}${path}: ${response.status} ${body.trim()}`);
  return JSON.parse(body) as unknown;
}
