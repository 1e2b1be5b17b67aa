"""What the document cannot say: which runs and projects exist, and how callbacks are signed. Most generated requests get
such a value in place of a valid random one, so that they reach the product's rules; the others find nothing, as strangers do.

Also the one place for what generated requests must not do to the product that they test: see `spare`.
"""

import hashlib
import hmac
import itertools
import os
from datetime import datetime, timedelta, timezone

import requests
import schemathesis
from hypothesis import strategies
from schemathesis.core.parameters import ParameterLocation

BASE = os.environ["MW_BASE_URL"]
KEY = {"x-api-key": os.environ["MW_API_KEY"]}
SECRETS = {"/v1/webhooks/kieai": "KIEAI_SIGNING_SECRET", "/v1/webhooks/upload-post": "UPLOAD_POST_SIGNING_SECRET"}
# A run that gets this many approvals before the request under test meets it: at each gate, under way, published.
APPROVALS = itertools.cycle([[], ["workflow"], ["workflow", "ideate"], ["workflow", "ideate", "prepublish"]])
TURN = itertools.count()

# A body that is JSON under another media type.
schemathesis.openapi.format("json-object", strategies.sampled_from(['{"data":{"taskId":"t1"}}', '{"type":"edit"}', "{}"]))


@schemathesis.hook
def before_call(context, case, kwargs):
    spare(case)
    turn = next(TURN)
    if is_valid(case, ParameterLocation.PATH) and turn % 4:
        if "run_id" in case.path_parameters:
            case.path_parameters["run_id"] = run_at_some_point()
        if "key" in case.path_parameters:
            case.path_parameters["key"] = "aismr"
    if is_valid(case, ParameterLocation.QUERY) and case.query:
        if "cursor" in case.query:
            continue_a_list(case)
        case.query.pop("token", None)  # A random token is refused: with a key none is needed.
    if "Idempotency-Key" in (case.headers or {}) and is_valid(case, ParameterLocation.HEADER):
        case.headers["Idempotency-Key"] = f"generated-{turn}"  # The same key with another body is refused.
    if case.operation.path == "/v1/runs/start" and is_valid(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        case.body["project"] = ["test_video_gen", "aismr"][turn % 2]
    if is_valid(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        fit(case.operation.path, case.body)
    if case.operation.path == "/v1/telegram/webhook" and turn % 4:
        case.headers = {**(case.headers or {}), "X-Telegram-Bot-Api-Secret-Token": os.environ["TELEGRAM_WEBHOOK_SECRET"]}
    if case.operation.path in SECRETS and turn % 4:
        kwargs["auth"] = Signed(os.environ[SECRETS[case.operation.path]])


@schemathesis.hook
def filter_headers(context, headers):
    """A header that is not UTF-8 is answered by Spin itself with a bare 500, before any component (docs/errors.md)."""
    return all(str(value).isascii() for value in (headers or {}).values())


def spare(case):
    """A drain that is on would answer 503 to everything after it; switching it off is tested."""
    if case.operation.path == "/admin/drain" and isinstance(case.body, dict) and case.body.get("on") is True:
        case.body["on"] = False


def fit(path, body):
    """Moments lie ahead, steps exist, and a cursor is one of ours; the rest of a good body stays as it was made."""
    if body.get("cursor") is not None:
        body["cursor"] = None
    if body.get("until") is not None or path == "/v1/runs/bulk":
        body["until"] = (datetime.now(timezone.utc) + timedelta(days=30)).isoformat()
    if body.get("from") is not None or path == "/v1/runs/bulk":
        body["from"] = "workflow"
    if path == "/v1/runs/bulk" and not any((body.get("filter") or {}).values()):
        body["filter"] = {"project": "aismr"}
    if path.startswith(("/v1/hitl/approve/", "/v1/gates/")):
        # What may be edited, and which opening is the open one, goes by the run; changes need a comment.
        body.pop("edit", None)
        body.pop("opening", None)
        if body.get("decision") == "request_changes" or body.get("type") in ("respond", "response"):
            body["comment"] = "changes"
        if "args" in body or body.get("type") == "edit":
            body["args"] = {}
    if path == "/v1/channels":
        # The form of an address goes by its kind, which a schema of both cannot say; few, since there are 200 at most.
        body.update(kind="slack", address="C0GENERATED", project="aismr" if body.get("project") else None)


def is_valid(case, location):
    """Whether this part of the request was made as the document asks; parts that are spoilt stay as they are."""
    part = case.meta and case.meta.components.get(location)
    return part is None or part.mode.is_positive


def run_at_some_point():
    body = {"project": "test_video_gen", "input": {"topic": "candles"}}
    run_id = requests.post(f"{BASE}/v1/runs/start", json=body, headers=KEY, timeout=20).json()["runId"]
    for gate in next(APPROVALS):
        requests.post(f"{BASE}/v1/hitl/approve/{run_id}/{gate}", headers=KEY, timeout=20)
    return run_id


def continue_a_list(case):
    """A cursor of the list itself; without one, its first page."""
    page = requests.get(f"{BASE}{case.operation.path}?limit=1", headers=KEY, timeout=20).json()
    cursor = page.get("next_cursor")
    if cursor:
        case.query["cursor"] = cursor
    else:
        del case.query["cursor"]


class Signed(requests.auth.AuthBase):
    """The scheme that is taken from every provider: hex HMAC-SHA256 of the body."""

    def __init__(self, secret):
        self.secret = secret.encode()

    def __call__(self, request):
        body = request.body or b""
        body = body if isinstance(body, bytes) else body.encode()
        request.headers["X-Signature"] = hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        return request
