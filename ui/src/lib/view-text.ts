/** Words and figures for pages, from one import. */
export * from "./format.ts";
export * from "./time.ts";
