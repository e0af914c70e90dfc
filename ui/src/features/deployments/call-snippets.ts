/** One request in five languages, with the fields of this deployment's signature filled in. */
import type { Deployment } from "~/api/deployments.ts";
import type { Field } from "~/api/models.ts";

type Tensor = { name: string; shape: number[]; datatype: string; data: (number | string)[] };

function isWord(field: Field): boolean {
  return /category|text|word|string|bytes/.test(field.kind ?? field.type ?? "");
}

const EXAMPLES: Record<string, number | string> = { hour: 8, weekday: 1, month: 6, temp: 288.4, rain_1h: 0, snow_1h: 0, clouds_all: 40, weather_main: "Clouds", holiday: "None", volume_last_week: 5400 };

export function tensors(deployment: Deployment): Tensor[] {
  return (deployment.signature?.inputs ?? []).map((field) => ({
    name: field.name,
    shape: [1],
    datatype: isWord(field) ? "BYTES" : "FP64",
    data: [EXAMPLES[field.name] ?? (isWord(field) ? "a word" : 0)],
  }));
}

function compact(inputs: Tensor[], indent: string): string {
  return inputs.map((input) => `${indent}${JSON.stringify(input).replaceAll('":', '": ').replaceAll(',"', ', "')}`).join(",\n");
}

export function callSnippets(deployment: Deployment, base: string): Record<string, string> {
  const url = `${base}${deployment.endpoint ?? `/v2/models/${deployment.name}/infer`}`;
  const inputs = tensors(deployment);
  const list = compact(inputs, "    ");
  const body = `{\n  "inputs": [\n${list}\n  ]\n}`;
  const shortest = JSON.stringify({ inputs });
  return {
    curl: `curl -s ${url} \\\n  -H "content-type: application/json" \\\n  -d '${body}'`,
    Python: `import httpx\n\nanswer = httpx.post("${url}", json={\n  "inputs": [\n${list}\n  ]\n}).raise_for_status().json()\n\nprint(answer["outputs"][0]["data"])`,
    TypeScript: `const response = await fetch("${url}", {\n  method: "POST",\n  headers: { "content-type": "application/json" },\n  body: JSON.stringify(${body.replaceAll("\n", "\n  ")}),\n});\nif (!response.ok) throw new Error((await response.json()).error);\n\nconst { outputs } = await response.json();\nconsole.log(outputs[0].data);`,
    Java: `var request = HttpRequest.newBuilder(URI.create("${url}"))\n    .header("content-type", "application/json")\n    .POST(BodyPublishers.ofString("""\n${body.replaceAll(/^/gm, "        ")}\n        """))\n    .build();\n\nvar response = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());\nSystem.out.println(response.body());`,
    Rust: `// reqwest with the features "blocking" and "json"\nlet body: serde_json::Value = serde_json::from_str(r#"${shortest}"#)?;\nlet answer: serde_json::Value = reqwest::blocking::Client::new()\n    .post("${url}")\n    .json(&body)\n    .send()?\n    .error_for_status()?\n    .json()?;\nprintln!("{}", answer["outputs"][0]["data"]);`,
  };
}
