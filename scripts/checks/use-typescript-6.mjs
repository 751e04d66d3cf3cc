/**
 * Has tools that are given this by `--import` find TypeScript 6 under the name `typescript`. Version 7, which
 * compiles Merino, has no programming interface that they could use, and without one dependency-cruiser finds no
 * import in a TypeScript file, and no fault.
 */
import Module, { register } from "node:module";

const NAME = "@typescript/typescript6";

const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return resolve.call(this, request.replace(/^typescript(?=$|\/)/, NAME), ...rest);
};

const hooks = `export const resolve = (name, context, next) => next(name === "typescript" ? "${NAME}" : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
