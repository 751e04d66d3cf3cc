/** The benchmarks' functions in the form that workerpool wants: registered by name. */
import { createRequire } from "node:module";
import { work } from "./work.mjs";

const workerpool = createRequire(new URL("../jobs/package.json", import.meta.url))("workerpool");
workerpool.worker({ add: (x, y) => x + y, echo: (value) => value, work });
