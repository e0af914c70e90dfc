/** The places one can go, in the order in which they are shown; keys are pressed after `g`. */
import { Activity, BellRing, Boxes, Database, FlaskConical, GitPullRequest, House, ListTree, Rocket, ScrollText, Settings, SquareTerminal, Target, Waypoints, Workflow, type LucideIcon } from "lucide-react";

export type Place = { to: string; label: string; icon: LucideIcon; key: string; group?: string };

export const PLACES: readonly Place[] = [
  { to: "/", label: "Home", icon: House, key: "h" },
  { to: "/models", label: "Models", icon: Boxes, key: "m", group: "Make" },
  { to: "/runs", label: "Runs", icon: FlaskConical, key: "r", group: "Make" },
  { to: "/data", label: "Data", icon: Database, key: "d", group: "Make" },
  { to: "/pipelines", label: "Pipelines", icon: Workflow, key: "p", group: "Make" },
  { to: "/reviews", label: "Reviews", icon: GitPullRequest, key: "w", group: "Operate" },
  { to: "/deployments", label: "Deployments", icon: Rocket, key: "e", group: "Operate" },
  { to: "/monitoring", label: "Monitoring", icon: Activity, key: "o", group: "Operate" },
  { to: "/alerts", label: "Alerts", icon: BellRing, key: "a", group: "Operate" },
  { to: "/predictions", label: "Predictions", icon: Target, key: "i", group: "Operate" },
  { to: "/lineage", label: "Lineage", icon: Waypoints, key: "l", group: "Ask" },
  { to: "/sql", label: "SQL", icon: SquareTerminal, key: "s", group: "Ask" },
  { to: "/events", label: "Events", icon: ScrollText, key: "v", group: "Ask" },
];

export const SETTINGS: Place = { to: "/settings", label: "Settings", icon: Settings, key: "t" };

export const KIND_ICONS: Record<string, LucideIcon> = {
  model: Boxes,
  model_version: Boxes,
  version: Boxes,
  run: FlaskConical,
  experiment: FlaskConical,
  dataset: Database,
  dataset_version: Database,
  pipeline_run: Workflow,
  pipeline: Workflow,
  deployment: Rocket,
  monitor: Activity,
  alert: BellRing,
  review: GitPullRequest,
  prediction: Target,
  event: ScrollText,
  page: ListTree,
};
