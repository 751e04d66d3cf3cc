/** All projects of `npm run frameworks`, in the order of the page. */
import { BUNDLERS } from "./bundlers.mjs";
import { FRAMEWORKS } from "./frameworks.mjs";
import { LOADERS } from "./loaders.mjs";
import { RUNNERS } from "./runners.mjs";
import { SERVERS } from "./servers.mjs";

/** @type {readonly import("./project.mjs").Project[]} */
export const PROJECTS = [...LOADERS, ...RUNNERS, ...SERVERS, ...FRAMEWORKS, ...BUNDLERS];
