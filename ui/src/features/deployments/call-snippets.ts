/** One row in five languages, with the fields of this deployment's signature filled in. */
import type { Deployment } from "~/api/deployments.ts";
import type { Field } from "~/api/models.ts";

function isWord(field: Field): boolean {
  return /category|text|word|string|bytes/.test(field.kind ?? field.type ?? "");
}

const EXAMPLES: Record<string, number | string> = { hour: 8, weekday: 1, month: 6, temp: 288.4, rain_1h: 0, snow_1h: 0, clouds_all: 40, weather_main: "Clouds", holiday: "None", volume_last_week: 5400 };

/** One row with made-up values. */
export function row(deployment: Deployment): Record<string, number | string> {
  const fields = deployment.signature?.inputs ?? [];
  return Object.fromEntries(fields.map((field) => [field.name, EXAMPLES[field.name] ?? (isWord(field) ? "a word" : 0)]));
}

export function callSnippets(deployment: Deployment, base: string): Record<string, string> {
  const url = `${base}/serve/${deployment.name}/predict`;
  const values = row(deployment);
  const output = deployment.signature?.output;
  const answer = (typeof output === "string" ? output : output?.name) ?? "prediction";
  const body = `{\n${Object.entries(values)
    .map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    .join(",\n")}\n}`;
  const key = JSON.stringify(answer);
  return {
    curl: `curl -s ${url} \\\n  -H "content-type: application/json" \\\n  -d '${body}'`,
    Python: `import httpx\n\nanswer = httpx.post("${url}", json=${body}).raise_for_status().json()\n\nprint(answer[${key}], answer["prediction_id"])`,
    TypeScript: `const response = await fetch("${url}", {\n  method: "POST",\n  headers: { "content-type": "application/json" },\n  body: JSON.stringify(${body.replaceAll("\n", "\n  ")}),\n});\nif (!response.ok) throw new Error((await response.json()).detail);\n\nconst answer = await response.json();\nconsole.log(answer[${key}], answer.prediction_id);`,
    Java: `var request = HttpRequest.newBuilder(URI.create("${url}"))\n    .header("content-type", "application/json")\n    .POST(BodyPublishers.ofString("""\n${body.replaceAll(/^/gm, "        ")}\n        """))\n    .build();\n\nvar response = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());\nSystem.out.println(response.body());`,
    Rust: `// reqwest with the features "blocking" and "json"\nlet row = serde_json::json!(${body});\nlet answer: serde_json::Value = reqwest::blocking::Client::new()\n    .post("${url}")\n    .json(&row)\n    .send()?\n    .error_for_status()?\n    .json()?;\nprintln!("{} {}", answer[${key}], answer["prediction_id"]);`,
  };
}
