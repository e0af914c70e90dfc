/** A model card or a datasheet: what people wrote, what is blank, what is recorded, with a box to write in. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { cardAt, datasheetAt, sheetQuery, useWriteSheet, type Sheet } from "~/api/reviews.ts";
import { Badge } from "~/components/badge.tsx";
import { Card } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { Prose } from "~/components/prose.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Loaded } from "~/components/states.tsx";
import { Table } from "~/components/table.tsx";
import { say } from "~/components/toast.tsx";
import { sentence } from "~/lib/format.ts";
import { usePart } from "~/lib/view.ts";

export function CardPage() {
  const model = usePart("model");
  const number = usePart("number");
  return <SheetPage title={`Model card of ${model} v${number}`} at={cardAt(model, number)} name={`${model}@${number}`} />;
}

export function DatasheetPage() {
  const dataset = usePart("dataset");
  return <SheetPage title={`Datasheet of ${dataset}`} at={datasheetAt(dataset)} name={`dataset:${dataset}`} />;
}

function SheetPage({ title, at, name }: { title: string; at: string; name: string }) {
  const query = useQuery(sheetQuery(at));
  return (
    <Page
      title={title}
      lead={query.data?.lead}
      actions={
        <CopyAs
          snippets={{
            CLI: `gingham card ${name}\ngingham card ${name} --form huggingface --out README.md\ngingham card ${name} --set purpose="…"`,
            curl: `curl ${origin()}/api/v1${at}/markdown`,
          }}
        />
      }
    >
      <Loaded page query={query}>{(sheet) => <Body sheet={sheet} at={at} />}</Loaded>
    </Page>
  );
}

const words = (name: string) => name.replaceAll("_", " ");

function Body({ sheet, at }: { sheet: Sheet; at: string }) {
  const [field, setField] = useState<string | null>(null);
  return (
    <div className="grid">
      <div className="c6 stack">
        <Card title="What people say" hint={sheet.blank.length > 0 ? "the policy asks for what is blank" : undefined} flush>
          <ul className="list">
            {[...sheet.blank, ...Object.keys(sheet.fields)].map((name) => (
              <li key={name} className="list-row">
                <div className="grow stack tight" style={{ gap: 2 }}>
                  <span className="strong">{words(name)}</span>
                  {sheet.fields[name] ? (
                    <div className="wrap-anywhere" style={{ whiteSpace: "pre-wrap" }}>
                      <Prose text={sheet.fields[name]} plain />
                    </div>
                  ) : (
                    <div>
                      <Badge state="fail">blank</Badge>
                    </div>
                  )}
                </div>
                <button type="button" className="button ghost small" onClick={() => setField(name)}>
                  Write
                </button>
              </li>
            ))}
          </ul>
          <Write key={field ?? "new"} at={at} field={field} text={field ? (sheet.fields[field] ?? "") : ""} />
        </Card>
      </div>
      <div className="c6 stack">
        {sheet.tables
          .filter((table) => table.rows.length > 0)
          .map((table) => (
            <Card key={table.title} title={table.title} flush>
              <Table
                label={table.title}
                rows={table.rows.map((cells, index) => ({ cells, index }))}
                rowKey={(row) => String(row.index)}
                columns={table.columns.map((column, place) => ({
                  key: column,
                  title: column,
                  cell: (row: { cells: Sheet["tables"][number]["rows"][number] }) => {
                    const cell = row.cells[place];
                    if (!cell?.link) return <span className="wrap-anywhere">{cell?.text}</span>;
                    return cell.link.startsWith("/api/") ? <a href={cell.link}>{cell.text}</a> : <To to={cell.link}>{cell.text}</To>;
                  },
                }))}
              />
            </Card>
          ))}
      </div>
    </div>
  );
}

function Write({ at, field, text }: { at: string; field: string | null; text: string }) {
  const write = useWriteSheet(at);
  const [name, setName] = useState(field ?? "");
  const [words, setWords] = useState(text);
  return (
    <form
      className="stack tight"
      style={{ padding: 14 }}
      onSubmit={(event) => {
        event.preventDefault();
        write.mutate({ [name]: words }, { onSuccess: () => say(`“${name}” is written`) });
      }}
    >
      <div className="field">
        <label htmlFor="field">Field</label>
        <input id="field" className="input" value={name} pattern="[a-z0-9_]+" required placeholder="limitations" onChange={(event) => setName(event.target.value.trim())} />
      </div>
      <div className="field">
        <label htmlFor="text">Text</label>
        <textarea id="text" className="textarea" value={words} onChange={(event) => setWords(event.target.value)} />
      </div>
      {write.error && <p className="tone-bad">{sentence(write.error.message)}</p>}
      <div className="row">
        <button type="submit" className="button" disabled={write.isPending || !name}>
          Write
        </button>
        <span className="small muted">Approvals of reviews about it do not count any more after that.</span>
      </div>
    </form>
  );
}
