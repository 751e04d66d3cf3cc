/** A program's context variables, and a routine that reads them. */
import { ContextVar, routine } from "merino";

export const tenant = new ContextVar("tenant", { default: "none" });
export const request = new ContextVar("request", { default: "none" });
export const locale = new ContextVar("locale", { default: "none" });

/** Reads all of them. */
export const addInContext = routine(function addInContext(x, y) {
  return tenant.get() === "none" || request.get() === "none" || locale.get() === "none" ? 0 : x + y;
});
