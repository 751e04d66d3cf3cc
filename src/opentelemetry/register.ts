/**
 * `merino/opentelemetry/register`: all of it without code, for `node --import` and `NODE_OPTIONS`. Workers inherit both.
 * Never keeps the program from running: what is missing is told in a warning.
 */
import { errorText } from "../internal/error-text.ts";
import { warn } from "../internal/warn.ts";
import { endWithProcess, isFirstToSay } from "./process-end.ts";

const INSTALL = "npm install @opentelemetry/api @opentelemetry/sdk-node";

let sdk: { shutdown(): Promise<void> } | undefined;

try {
  // Not before it is known whether it can be: it imports the API.
  const { startSdk } = await import("./start-sdk.ts");
  const { instrument } = await import("./instrument.ts");
  const started = await startSdk();
  instrument();
  if (started === "missing") {
    say(
      `Nothing is traced: no SDK of OpenTelemetry is registered. Install one with '${INSTALL}', or register one before`,
    );
  } else if (started !== "registered") {
    sdk = started;
    endWithProcess(shutdown, (error) => {
      warn("MERINO_OPENTELEMETRY", `Not all that was recorded has been sent: ${errorText(error)}`);
    });
  }
} catch (error) {
  const isMissing = errorText(error).includes("'@opentelemetry/api'");
  say(
    `Nothing is traced: ${isMissing ? `@opentelemetry/api is missing. Install it with '${INSTALL}'` : errorText(error)}`,
  );
}

/**
 * Sends what has been recorded and ends the SDK that this module has started, if it has: for programs that end by
 * `process.exit()`. One that ends by itself does it without.
 *
 * @example
 * import { shutdown } from "merino/opentelemetry/register";
 *
 * process.once("SIGTERM", () => void shutdown().finally(() => process.exit(0)));
 */
export async function shutdown(): Promise<void> {
  const ending = sdk;
  sdk = undefined;
  await ending?.shutdown();
}

/** Workers would say the same. */
function say(text: string): void {
  if (isFirstToSay()) warn("MERINO_OPENTELEMETRY", text);
}
