/** Merino's warnings, as a test sees them. */

/** Warnings given since it was made. Disposing ends the collection. */
export interface Warnings extends Disposable {
  readonly codes: readonly string[];
  readonly messages: readonly string[];
}

/** Collects warnings of Merino's until disposed. They arrive a turn after they were given. */
export function useWarnings(): Warnings {
  const codes: string[] = [];
  const messages: string[] = [];
  const onWarning = (warning: Error & { code?: string }): void => {
    if (warning.name !== "MerinoWarning") return;
    codes.push(String(warning.code));
    messages.push(warning.message);
  };
  process.on("warning", onWarning);
  return { codes, messages, [Symbol.dispose]: () => void process.off("warning", onWarning) };
}
