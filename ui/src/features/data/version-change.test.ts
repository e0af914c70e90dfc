/** Columns of two versions, compared. */
import { expect, it } from "vitest";
import type { DatasetVersion } from "~/api/datasets.ts";
import { columnChanges } from "./version-change.tsx";

const version = (columns: { name: string; type: string }[]): DatasetVersion => ({ number: 1, rows_total: 1, created_at: "", schema: { columns } });

it("tells of columns that came, went or changed", () => {
  const then = version([{ name: "a", type: "int" }, { name: "b", type: "text" }]);
  const now = version([{ name: "a", type: "real" }, { name: "c", type: "bool" }]);
  expect(columnChanges(then, now)).toEqual(["column b is gone", "column a was int and is real", "column c is new: bool"]);
  expect(columnChanges(then, then)).toEqual([]);
});
