"""Where we answer differently on purpose, and why. Anything else that differs fails the suite, and so does an entry here
that no recording needs any more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One intended difference. Each pattern that is given must match."""

    reason: str
    # The call, such as `POST runs/search`, as a pattern that matches all of it.
    call: str = ".*"
    # What the step is called in the scenario.
    case: str = ".*"
    # The path of the field, such as `answer.message`.
    field: str = ".*"
    # What MLflow's server said: status, a space, its error's message or its whole answer.
    recorded: str = ".*"
    # What we say, written in the same way.
    answered: str = ".*"

    def covers(self, left: dict[str, Any], right: dict[str, Any], field: str) -> bool:
        """Whether this explains that the field differs."""
        pairs = [
            (self.call, left["call"]), (self.case, left.get("case", "")), (self.field, field),
            (self.recorded, _words(left)), (self.answered, _words(right)),
        ]
        return all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in pairs)


def _words(step: dict[str, Any]) -> str:
    answer = step["answer"]
    message = answer.get("message") if isinstance(answer, dict) and "error_code" in answer else None
    return f"{step['status']} {message if message is not None else answer}"


SEARCH = r"(GET|POST) .*/search"

DIFFERENCES = [
    # What MLflow's server fails at.
    Difference(
        "MLflow passes on its database's words with statement and values, even where the same request simply came twice; "
        "we say what is wrong, and what is done already is no error",
        recorded=r"400 .*<SQL>.*",
    ),
    Difference(
        "what a user did wrong is never answered with 5xx, which clients would repeat for minutes",
        recorded=r"500 .*",
        answered=r"(400|404|200) .*",
    ),
    Difference(
        "MLflow closes the connection over a file that is not there; we answer 404", recorded=r"0 .*", answered=r"404 .*"
    ),
    Difference(
        "addresses that do not exist are answered with an error in JSON instead of a page",
        field=r"answer.*",
        recorded=r"40[45] <(html|!doctype).*",
    ),
    Difference(
        "workspaces are always on here; the recorded server was started without them",
        call="(GET|POST|PATCH|DELETE) .*/(server-info|workspaces.*)",
        recorded=r"(503 Endpoint: .*|200 .*'workspaces_enabled': False.*)",
    ),
    Difference(
        "the workspace that is always there is told of in our words",
        call="GET .*/workspaces/default",
        field=r"answer\.workspace\.description",
    ),
    Difference(
        "files of all workspaces lie under one root, apart by the experiment's number; MLflow adds the workspace's name",
        field=r"answer\.run\.info\.artifact_uri",
        recorded=r".*mlflow-artifacts:/workspaces/.*",
        answered=r".*mlflow-artifacts:/<experiment.*",
    ),
    Difference(
        "a workspace that is in use is the user's matter: 409, and all that it holds is named",
        call="DELETE .*/workspaces/.*RESTRICT",
        recorded=r"500 .* still contains .*",
        answered=r"409 .* it still has .*",
    ),
    Difference(
        "MLflow lists this address, with a slash left out, and does not answer to it; we do",
        call="POST /api/2.0mlflow/experiments/search-datasets",
    ),
    Difference(
        "no run here has an address for uploads elsewhere, so that is said without looking for the run",
        call="POST artifacts/presigned-upload-url",
        recorded=r"404 Run with id=nobody .*",
        answered=r"400 Presigned upload is not supported .*",
    ),
    Difference(
        "without `max_results`, all points are given, as the protocol says; MLflow gives none and a token that leads nowhere",
        call="GET metrics/get-history",
        case="without max_results",
    ),
    # What MLflow's server accepts and bends.
    Difference(
        "a value of the wrong type is refused; MLflow stores 0 or an empty text in its place",
        recorded=r"200 .*",
        answered=r"400 Invalid value .* Hint: Value was of type .*",
        call=r"POST runs/(log-metric|log-batch)",
    ),
    Difference(
        "a value of the wrong type is named with its type; MLflow has emptied it by then",
        call="POST runs/log-batch",
        field=r"answer\.message",
        recorded=r'400 Invalid value "" for parameter .*',
    ),
    Difference(
        "a status that does not exist is refused; MLflow ignores it",
        recorded=r"200 .*",
        answered=r"400 (Run|Logged model) status `DONE` .*",
    ),
    Difference(
        "a dataset needs name, digest and source; MLflow stores empty ones",
        call="POST runs/log-inputs",
        recorded=r"200 .*",
        answered=r"400 Missing value for required parameter 'datasets.*",
    ),
    Difference(
        "the limits and rules for params and tags hold on every way in; MLflow checks some ways only",
        recorded=r"200 .*",
        answered=r"400 ((Tag|Param) name `|The value of tag `).*",
    ),
    Difference(
        "long values of a logged model's params are cut as those of runs are", call="POST logged-models", field=r"answer\.params\[0\]\.value"
    ),
    Difference(
        "a run that is named must be there", call="POST logged-models", recorded=r"200 .*", answered=r"404 Run with id=nobody not found"
    ),
    Difference(
        "locations that climb or carry a query are refused when they are given", call="POST experiments/create", answered=r"400 Artifact location .*"
    ),
    Difference(
        "names of models have a limit", call="POST registered-models/create", answered=r"400 Model name has 257 characters.*"
    ),
    Difference(
        "a view that does not exist is refused; MLflow takes it for the usual one",
        recorded=r"200 .*",
        answered=r"400 Invalid value \"(NONE|SOME)\" for parameter 'view_type' .*",
    ),
    Difference(
        "page sizes are bounded on every search",
        call=SEARCH,
        recorded=r"200 .*",
        answered=r"400 Invalid value (0|1001) for parameter 'max_results' supplied.*",
    ),
    Difference(
        "uploads and downloads in parts are there on every store; MLflow's server has them on clouds only",
        recorded=r"501 .*",
        answered=r"(2|4)\d\d .*",
    ),
    Difference(
        "our own words for addresses and events that a webhook cannot have",
        call=r"(POST|PATCH) webhooks.*",
        field=r"answer\.message",
        recorded=r"400 (Invalid webhook URL scheme|Webhook events must be|Invalid action ).*",
        answered=r"400 .*",
    ),
    Difference(
        "the server of these tests may call addresses of its own machine, which others refuse",
        call="POST webhooks",
        recorded=r"400 Invalid webhook URL scheme.*",
        answered=r"200 .*",
    ),
    Difference(
        "a state that a webhook cannot have is refused; MLflow takes it for the usual one",
        call="POST webhooks",
        recorded=r"200 .*",
        answered=r"400 Invalid value \"SLEEPING\" .*",
    ),
    Difference(
        "page sizes of webhooks are bounded as those of every search",
        call="GET webhooks",
        answered=r"400 Invalid value \"?(0|1001)\"? for parameter 'max_results' supplied.*",
    ),
    # What is filled in.
    Difference("we name the account that asked where the client names nobody", field=r".*\.user_id"),
    Difference("a run without a start begins now, not in 1970", call="POST runs/create", field=r"answer\.run\.info\.start_time"),
    Difference(
        "searching experiments without a page size gives the usual page",
        call="POST experiments/search",
        recorded=r"400 Invalid value 0 for parameter 'max_results' supplied.*",
        answered="200 some",
    ),
    Difference("the size of an empty file is told", field=r"answer\.files\[\d+\]\.file_size"),
    Difference(
        "a version tells which logged model it was made of, and a logged model its versions",
        field=r"answer\.(model_version\.model_id|model\.info\.registrations)",
    ),
    Difference(
        "a history of a run that does not exist is an error rather than an empty history",
        call="GET metrics/get-history",
        case="a run that is not there",
    ),
    # What stays as it is.
    Difference(
        "a run that was deleted before its experiment stays deleted when that is restored", case="the run that was deleted before it"
    ),
    Difference(
        "changing a version without a description leaves the description", field=r"answer\.model_version\.description"
    ),
    Difference("an alias goes away with the version it pointed at", case="an alias of a deleted version"),
    Difference("an alias goes away with the version it pointed at", call="GET registered-models/get", recorded=r".*Challenger-1_x.*"),
    Difference("deleted logged models are not shown", case="deleted but asked for"),
    Difference("deleted logged models take no tags", case="tags of a deleted one"),
    Difference(
        "a dataset without a digest stands for every digest of it; MLflow looks for datasets that have none",
        call="POST logged-models/search",
        recorded=r"200 \{'models': \[\]\}",
        answered=r"200 \{'models': \['alpha <model 4>', 'gamma <model 3>'\]\}",
    ),
    # Words.
    Difference(
        "our parser of filters and orderings knows more, and says where and what is wrong",
        call=SEARCH,
        field=r"answer(\.message)?",
        recorded=r"400 .*",
        answered=r"400 (Invalid (filter|comparator|attribute key|entity type)|Expected a) .*",
    ),
    Difference("a page token of somebody else's is called that", answered=r"400 Page token .*", recorded=r"400 .*"),
    Difference(
        "what cannot be read is called that, with the place",
        call="POST experiments/create",
        recorded=r"400 Missing value for required parameter 'name'.*",
        answered=r"400 The request body .*",
    ),
    Difference(
        "the source is repeated as it was given", call="POST model-versions/create", recorded=r"400 Invalid model version source: '/etc'.*"
    ),
    Difference(
        "a file that is not there is named without the server's folders",
        field=r"answer\.message",
        recorded=r"404 The following failures occurred while downloading.*",
    ),
    Difference("our own words for being well", call="GET /health"),
    Difference(
        "the file that is not named is asked for in the words of any other parameter",
        call="GET /ajax-api/2.0/mlflow/logged-models/.*/artifacts/files",
        recorded=r"400 Request must include the .*",
    ),
    # The search language.
    Difference(
        "more is understood: OR, parentheses, IN for every text, IS NULL for every key, `==`, other names of fields and an "
        "ordering of models by creation",
        call=SEARCH,
        recorded=r"400 (Invalid clause\(s\) in filter string: ('OR'|OR|'\(.*)|Only the 'run_id' attribute supports .*"
        r"|Expected a quoted string value for parameter .*\('1'\)|While parsing a list in the query, expected string value.*"
        r"|Invalid comparator '(==|<>)' .*|Invalid entity type 'attributes'\..*|Invalid attribute key '(Run Name|`name`)' .*"
        r"|Invalid order by key 'creation_timestamp' .*|Invalid comparison: params\.alphaIS NULL.*|Invalid filter ' '\..*)",
        answered=r"200 .*",
    ),
    Difference(
        "a single text stands for a list of one, as it does in a query",
        call=SEARCH,
        recorded=r"400 Invalid value \"[^\"]*\" for parameter '(order_by|experiment_ids)' supplied:  Hint.*",
        answered=r"(200|400 Invalid experiment ID) .*",
    ),
    Difference(
        "half a filter is refused; MLflow obeys the half that it understands",
        call=SEARCH,
        recorded=r"200 .*",
        answered=r"400 (Invalid filter at character \d+: |Expected a (whole )?number for ).*",
    ),
    Difference(
        "what is not a number is neither less nor greater than one; MLflow compares the 0 that it stores for it",
        call="POST runs/search",
        field=r"answer\.runs",
        recorded=r".*'Trees'.*",
        answered=r"(?!.*'Trees').*",
    ),
    Difference(
        "metrics that are not numbers and runs without the metric both come last, newest first",
        call="POST runs/search",
        field=r"answer\.runs\[[67]\]",
        recorded=r".*'Trees', 'nothing'\].*",
        answered=r".*'nothing', 'Trees'\].*",
    ),
    Difference(
        "a status of a logged model is understood by its long name too",
        call="POST logged-models/search",
        recorded=r"200 \{'models': \[\]\}",
        answered=r"200 \{'models': \['alpha <model 1>'\]\}",
    ),
    Difference(
        "a doubled quote in a text is a quote", call="POST runs/search", recorded=r"200 \{'runs': \[\]\}", answered=r"200 \{'runs': \['trees'\]\}"
    ),
]
