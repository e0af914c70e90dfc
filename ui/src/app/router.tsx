/** Every address of the UI and the page behind it. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, type RouterHistory } from "@tanstack/react-router";
import { Failure, Skeleton } from "~/components/states.tsx";
import { parseSearch, stringifySearch } from "~/lib/view.ts";
import { NotFound } from "./not-found.tsx";
import { Shell } from "./shell.tsx";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

/** A page that is fetched when it is first asked for. */
function page<M extends Record<string, unknown>>(path: string, load: () => Promise<M>, name: string & keyof M) {
  return createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load as () => Promise<Record<string, never>>, name) });
}

const tree = root.addChildren([
  page("/", () => import("~/features/home/home-page.tsx"), "HomePage"),
  page("/models", () => import("~/features/models/models-page.tsx"), "ModelsPage"),
  page("/models/$model", () => import("~/features/models/model-page.tsx"), "ModelPage"),
  page("/models/$model/versions/$number", () => import("~/features/models/version-page.tsx"), "VersionPage"),
  page("/models/$model/versions/$number/card", () => import("~/features/reviews/sheet-page.tsx"), "CardPage"),
  page("/reviews", () => import("~/features/reviews/reviews-page.tsx"), "ReviewsPage"),
  page("/reviews/$review", () => import("~/features/reviews/review-page.tsx"), "ReviewPage"),
  page("/data/$dataset/datasheet", () => import("~/features/reviews/sheet-page.tsx"), "DatasheetPage"),
  page("/runs", () => import("~/features/runs/runs-page.tsx"), "RunsPage"),
  page("/runs/compare", () => import("~/features/runs/compare-page.tsx"), "ComparePage"),
  page("/runs/diff", () => import("~/features/runs/difference-page.tsx"), "DifferencePage"),
  page("/runs/$run", () => import("~/features/runs/run-page.tsx"), "RunPage"),
  page("/data", () => import("~/features/data/datasets-page.tsx"), "DatasetsPage"),
  page("/data/$dataset", () => import("~/features/data/dataset-page.tsx"), "DatasetPage"),
  page("/pipelines", () => import("~/features/pipelines/pipelines-page.tsx"), "PipelinesPage"),
  page("/pipelines/$run", () => import("~/features/pipelines/pipeline-page.tsx"), "PipelinePage"),
  page("/deployments", () => import("~/features/deployments/deployments-page.tsx"), "DeploymentsPage"),
  page("/deployments/$deployment", () => import("~/features/deployments/deployment-page.tsx"), "DeploymentPage"),
  page("/monitoring", () => import("~/features/monitoring/monitors-page.tsx"), "MonitorsPage"),
  page("/monitoring/$model", () => import("~/features/monitoring/monitor-page.tsx"), "MonitorPage"),
  page("/alerts", () => import("~/features/alerts/alerts-page.tsx"), "AlertsPage"),
  page("/alerts/$alert", () => import("~/features/alerts/alert-page.tsx"), "AlertPage"),
  page("/predictions", () => import("~/features/predictions/predictions-page.tsx"), "PredictionsPage"),
  page("/predictions/$prediction", () => import("~/features/predictions/prediction-page.tsx"), "PredictionPage"),
  page("/lineage", () => import("~/features/lineage/lineage-page.tsx"), "LineagePage"),
  page("/sql", () => import("~/features/sql/sql-page.tsx"), "SqlPage"),
  page("/events", () => import("~/features/events/events-page.tsx"), "EventsPage"),
  page("/settings", () => import("~/features/settings/settings-page.tsx"), "SettingsPage"),
]);

export function makeRouter(history?: RouterHistory) {
  return createRouter({
    routeTree: tree,
    parseSearch,
    stringifySearch,
    scrollRestoration: true,
    defaultPreload: "intent",
    defaultPendingComponent: () => <Skeleton rows={6} />,
    defaultErrorComponent: ({ error, reset }) => <Failure error={error} retry={reset} />,
    defaultNotFoundComponent: NotFound,
    ...(history ? { history } : {}),
  });
}
