/** Names of objects become addresses. */
import { expect, test } from "vitest";
import { objectLink, shortName } from "./objects.ts";

test("an object's name leads to its page", () => {
  expect(["model:traffic", "model:traffic@3", "dataset:traffic@2", "alias:traffic/champion", "alert:77", "event:9"].map((name) => objectLink(name))).toEqual(["/models/traffic", "/models/traffic/versions/3", "/data/traffic?version=2", "/models/traffic", "/alerts/77", undefined]);
});

test("a long id is cut to what tells it apart", () => {
  expect(shortName("run:0123456789abcdef0123456789abcdef")).toBe("run:…abcdef");
});
