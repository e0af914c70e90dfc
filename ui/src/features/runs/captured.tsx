/** What `gingham run` captured: the command, its code and environment, what went in and came out, and what it printed. */
import { useQuery } from "@tanstack/react-query";
import { captureQuery, logQuery, type Capture, type CapturedFiles } from "~/api/lineage.ts";
import type { Run } from "~/api/runs.ts";
import { Card, Facts } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Snippet } from "~/components/snippet.tsx";
import { Loaded } from "~/components/states.tsx";
import { bytes, count, plural, shortDigest } from "~/lib/view-text.ts";

/** What was captured of a run; `gingham run` leaves a tag, and without it nothing is asked for. */
function useCapture(run: Run): Capture | null | undefined {
  return useQuery({ ...captureQuery(run.id), enabled: run.tags?.["gingham.captured"] !== undefined }).data;
}

/** The command and how to do it again, what came out, and the log; nothing for runs that nobody captured. */
export function Captured({ run }: { run: Run }) {
  const capture = useCapture(run);
  if (!capture) return null;
  return (
    <>
      <Card title="Command" hint={capture.rerun_of ? undefined : "captured by gingham run"}>
        <div className="stack tight">
          <Snippet text={capture.command.join(" ")} />
          <div className="small muted">Once more, in a clean folder, and compared to the bit:</div>
          <Snippet text={`gingham rerun ${run.id} --verify`} />
          {capture.rerun_of && (
            <div className="small">
              It repeats <To to={`/runs/${capture.rerun_of}`}>{capture.rerun_of.slice(0, 12)}…</To>{" "}
              <To to={`/runs/diff?left=run:${capture.rerun_of}&right=run:${run.id}`}>What differs</To>
            </div>
          )}
        </div>
      </Card>
      <FilesCard title="What it wrote" files={capture.outputs} none="No output was named or found." />
      <Log run={run} />
    </>
  );
}

/** Code, environment, inputs and resources, for the narrow column. */
export function CapturedFacts({ run }: { run: Run }) {
  const capture = useCapture(run);
  if (!capture) return null;
  const { code, environment, ended } = capture;
  const { git } = code;
  const { python } = environment;
  return (
    <>
      <FilesCard title="What it read" files={capture.inputs} none="No input was named." />
      <Card title="Code">
        <Facts
          entries={[
            ["commit", git?.commit && <code key="commit" title={git.commit}>{git.commit.slice(0, 12)}</code>],
            ["branch", git?.branch],
            ["remote", git?.remote],
            ["changed", git && (git.is_dirty ? "differs from the commit; what differs is captured" : "as committed")],
            ["untracked", git && git.untracked.length > 0 ? git.untracked.slice(0, 8).join(", ") : undefined],
            ["files", `${plural(code.files, "file")}, ${bytes(code.bytes)}`],
            ["tree", code.tree && <code key="tree" title={code.tree}>{shortDigest(code.tree)}…</code>],
            ["left out", code.left_out.length > 0 ? code.left_out.slice(0, 5).join("; ") : undefined],
          ]}
        />
      </Card>
      <Card title="Environment">
        <Facts
          entries={[
            ["python", python && `${python.implementation} ${python.version}, ${plural(Object.keys(python.packages).length, "package")}`],
            ["pinned by", Object.keys(environment.locks).join(", ") || undefined],
            ["system", [environment.distribution, environment.arch].filter(Boolean).join(", ")],
            ["processor", `${environment.cpu}, ${plural(environment.cores, "core")}`],
            ["GPU", environment.gpus.join(", ") || undefined],
            ...Object.entries(environment.variables).map(([name, value]) => [name, <code key={name}>{value}</code>] as const),
            ["secrets", capture.secrets.length > 0 ? `${capture.secrets.join(", ")} (by name only)` : undefined],
          ]}
        />
        {python && Object.keys(python.packages).length > 0 && <Packages packages={python.packages} />}
      </Card>
      {ended && <Resources ended={ended} />}
    </>
  );
}

function Resources({ ended }: { ended: NonNullable<Capture["ended"]> }) {
  const { usage } = ended;
  return (
    <Card title="What it took">
      <Facts
        entries={[
          ["ended", ended.signal ? `by signal ${ended.signal}` : ended.exit_code === null || ended.exit_code === undefined ? undefined : `with code ${ended.exit_code}`],
          ["time", `${usage.wall_seconds.toFixed(2)} s`],
          ["processor", `${(usage.user_cpu_seconds + usage.system_cpu_seconds).toFixed(2)} s`],
          ["memory", bytes(usage.peak_memory_bytes)],
          ["threads", count(usage.most_threads)],
          ["connected to", usage.connections.slice(0, 5).join(", ") || undefined],
        ]}
      />
    </Card>
  );
}

function Packages({ packages }: { packages: Record<string, string> }) {
  return (
    <details>
      <summary className="small" style={{ cursor: "pointer" }}>
        All packages
      </summary>
      <ul className="small mono">
        {Object.entries(packages).map(([name, version]) => (
          <li key={name}>
            {name} {version}
          </li>
        ))}
      </ul>
    </details>
  );
}

function FilesCard({ title, files, none }: { title: string; files: readonly CapturedFiles[]; none: string }) {
  return (
    <Card title={title} flush>
      {files.length === 0 ? (
        <div className="list-row muted">{none}</div>
      ) : (
        <ul className="list">
          {files.map((each) => (
            <li key={each.path} className="list-row" style={{ padding: "7px 14px" }}>
              <span className="grow wrap-anywhere mono">{each.path}</span>
              {each.tree ? (
                <>
                  <span className="muted">{each.is_file ? "" : plural(each.files, "file")}</span>
                  <span className="when">{bytes(each.bytes)}</span>
                  <To to={`/lineage?object=files:${each.tree}`}>
                    <code title={each.tree}>{shortDigest(each.tree)}…</code>
                  </To>
                </>
              ) : (
                <span className="muted">was not there in the end</span>
              )}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Log({ run }: { run: Run }) {
  const isAtWork = run.status === "RUNNING";
  const all = (run.artifacts ?? []).map((file) => file.path);
  const whole = all.filter((path) => path === "logs/output.log");
  const paths = whole.length > 0 ? whole : all.filter((path) => path.startsWith("logs/parts/")).toSorted();
  const query = useQuery(logQuery(run.id, paths, isAtWork));
  return (
    <Card title="Log" hint={isAtWork ? "as it comes" : undefined} flush>
      {paths.length === 0 ? (
        <div className="list-row muted">{isAtWork ? "Nothing has been printed yet." : "It printed nothing."}</div>
      ) : (
        <Loaded query={query}>
          {(log) => (
            <>
              {log.isCut && <div className="list-row small muted">Only the end is shown.</div>}
              <pre className="small" style={{ margin: 0, padding: 14, maxHeight: 420, overflow: "auto", whiteSpace: "pre-wrap" }}>
                {log.text || "It printed nothing."}
              </pre>
            </>
          )}
        </Loaded>
      )}
    </Card>
  );
}
