/** What a caught value has to say. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
