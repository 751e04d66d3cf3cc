/** The options of a `Request` that travel, and the value that each has if it was not given. */
export const REQUEST_DEFAULTS = {
  cache: "default",
  credentials: "same-origin",
  integrity: "",
  keepalive: false,
  mode: "cors",
  redirect: "follow",
  referrer: "about:client",
  referrerPolicy: "",
} as const;
export type RequestOption = keyof typeof REQUEST_DEFAULTS;
