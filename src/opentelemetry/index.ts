/**
 * `merino/opentelemetry`: spans and metrics of calls, by the API of OpenTelemetry. The door to it: names, no logic.
 */

export { type InstrumentOptions, instrument } from "./instrument.ts";
