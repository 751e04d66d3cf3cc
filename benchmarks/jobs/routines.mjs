/** The jobs as routines. */
import { routine } from "../../dist/index.js";
import * as bodies from "./bodies.mjs";

export const thumbnail = routine(bodies.thumbnail, { name: "thumbnail" });
export const page = routine(bodies.page, { name: "page" });
export const aggregate = routine(bodies.aggregate, { name: "aggregate" });
export const colour = routine(bodies.colour, { name: "colour" });
export const transpile = routine(bodies.transpile, { name: "transpile" });
