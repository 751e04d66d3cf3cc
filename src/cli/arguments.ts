/** Turns the words of a command line into values, or says what was expected. Pure but for looking whether a file exists. */
import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { InvalidArgumentError } from "commander";
import { isMerinoError } from "../errors/merino-error.ts";
import { type IdentityMapping, parseIdentityMapping } from "../host/modules/identity-map.ts";
import { amountsOf } from "../internal/amounts.ts";
import { MAX_TIMER_MS } from "../internal/time/clock.ts";
import { MAX_PORT } from "../process/network-options.ts";
import { isBuild } from "../wire/build.ts";
import { KEEPALIVE_NEVER_MS } from "../wire/channel-options.ts";

/** More than any host has use for: a slip of the finger should not start them. */
const MAX_WORKERS = 1_024;
const UNLIMITED = "Infinity";
const LIMIT = `${UNLIMITED} or milliseconds`;

/** Milliseconds, from 0. */
export function parseDuration(text: string): number {
  return parseInteger(text, 0, MAX_TIMER_MS, "milliseconds");
}

/** Milliseconds, from 0, or `Infinity`. */
export function parseTimeLimit(text: string): number {
  return text === UNLIMITED ? Number.POSITIVE_INFINITY : parseInteger(text, 0, MAX_TIMER_MS, LIMIT);
}

/** Milliseconds, from 1, or `Infinity`. */
export function parsePositiveTimeLimit(text: string): number {
  return text === UNLIMITED ? Number.POSITIVE_INFINITY : parseInteger(text, 1, MAX_TIMER_MS, LIMIT);
}

/** As {@link parsePositiveTimeLimit}, in the form in which it travels. */
export function parseKeepalive(text: string): number {
  return Math.min(parsePositiveTimeLimit(text), KEEPALIVE_NEVER_MS);
}

/** A number of processes; 0 stands for as many as there are CPUs. */
export function parseWorkers(text: string): number {
  return parseInteger(text, 0, MAX_WORKERS, "a number") || availableParallelism();
}

/** A TCP port; 0 stands for any free one. */
export function parsePort(text: string): number {
  return parseInteger(text, 0, MAX_PORT, "a port");
}

/** A number of things, from 1. */
export function parseCount(text: string): number {
  return parseInteger(text, 1, Number.MAX_SAFE_INTEGER, "a number");
}

/** Collects the values of an option that may be given several times. */
export function collectTag(text: string, earlier: readonly string[] = []): readonly string[] {
  if (text === "" || text.length > 256) throw new InvalidArgumentError("Expected 1 to 256 characters.");
  return [...earlier, text];
}

/** Collects the modules that a worker serves. */
export function collectModule(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, parseModule(text)];
}

/** Collects what stands for what in the identities of a worker. */
export function collectMapping(
  text: string,
  earlier: readonly IdentityMapping[],
): readonly IdentityMapping[] {
  return [...earlier, asArgument(() => parseIdentityMapping(text))];
}

/** Which build of its program a worker runs. */
export function parseBuild(text: string): string {
  if (isBuild(text)) return text;
  throw new InvalidArgumentError("Expected 1 to 256 characters that are all seen as themselves.");
}

/** The longest time of a reservation, in milliseconds. */
export function parseReservation(text: string): number {
  return parseInteger(text, 0, MAX_TIMER_MS, "milliseconds");
}

/** Collects what a worker has of resources; a later amount of the same one wins. */
export function collectResource(
  text: string,
  earlier: Readonly<Record<string, number>> = {},
): Readonly<Record<string, number>> {
  const at = text.indexOf("=");
  const amount = text.slice(at + 1);
  const resources = { ...earlier, [text.slice(0, at)]: Number(amount) };
  if (at < 1 || !/^\d+(\.\d+)?$/.test(amount) || amountsOf(resources) === undefined) {
    throw new InvalidArgumentError(
      "Expected name=amount, as in --resource gpu=1: at most 16 names of letters, digits, '.', '_', '/' and '-', and amounts above 0 with three decimals at most.",
    );
  }
  return resources;
}

/** Collects `key=value` pairs; a later one of the same key wins. */
export function collectExtra(
  text: string,
  earlier: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Expected key=value, as in --extra zone=eu-1.");
  const [key, value] = [text.slice(0, at), text.slice(at + 1)];
  if (key.length > 256 || value.length > 4_096)
    throw new InvalidArgumentError("Expected a key of at most 256 characters and a value of at most 4096.");
  return Object.fromEntries([...Object.entries(earlier), [key, value]]);
}

/** The module that a path or `file:` URL names, as a `file:` URL. */
export function parseModule(text: string): string {
  const path = /^file:/i.test(text) ? pathOf(text) : resolve(text);
  if (path === undefined || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new InvalidArgumentError(
      `There is no file '${path ?? text}'. Expected the path of a module, as in ./jobs.js.`,
    );
  }
  return pathToFileURL(path).href;
}

/** Runs a parser of the library, and turns its refusal into that of an argument. */
export function asArgument<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw isMerinoError(error) ? new InvalidArgumentError(error.message) : error;
  }
}

function parseInteger(text: string, least: number, most: number, what: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new InvalidArgumentError(
    most === Number.MAX_SAFE_INTEGER
      ? `Expected ${what} from ${least}.`
      : `Expected ${what} from ${least} to ${most}.`,
  );
}

function pathOf(url: string): string | undefined {
  try {
    return fileURLToPath(url);
  } catch {
    return undefined;
  }
}
