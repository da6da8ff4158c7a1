"""rds-lifecycle: starts an Amazon RDS database when somebody asks for it, and stops it when nobody uses it.

Declarations only. What they do is in chalicelib.
"""

import functools
import gc
import os
import sys
from collections.abc import Callable
from typing import Any, cast

from chalice.app import AuthResponse, AuthRoute, Chalice, CORSConfig, Rate, Request, Response

# What a cold start loads is kept for good. Looking for garbage among it, which Python does again and again by default,
# takes a twentieth of the cold start and finds hardly any.
gc.set_threshold(50_000)

# Chalice packages chalicelib as it lies there: importing it in order to deploy must not leave __pycache__ in it.
sys.dont_write_bytecode = True

from chalicelib import page
from chalicelib.api import auth, problems, responses
from chalicelib.api.requests import body_of, read_days, read_hold, read_start_payload
from chalicelib.domain.errors import DatabaseNotFound, Problem
from chalicelib.domain.model import Kind
from chalicelib.service.lifecycle import Lifecycle, RestartResult, connect
from chalicelib.settings import SettingsError, read_deploy_time_settings, read_settings
from chalicelib.telemetry import logger

declared = read_deploy_time_settings(os.environ)

app = Chalice(app_name="rds-lifecycle", configure_logs=False)
if declared.cors_origin is not None:
    app.api.cors = CORSConfig(
        allow_origin=declared.cors_origin,
        allow_headers=["Authorization"],
        expose_headers=["Location", "Retry-After"],
        max_age=600,
    )


def lifecycle() -> Lifecycle:
    """The app on AWS, by the settings of now. Raises SettingsError."""
    return connect(read_settings(os.environ))


@app.middleware("all")
def add_request_id(event: Any, get_response: Callable[[Any], Any]) -> Any:
    """Every log line carries the id of the request that it belongs to."""
    context = getattr(event, "lambda_context", None) or getattr(event, "context", None)
    logger.append_keys(request_id=getattr(context, "aws_request_id", None))
    return get_response(event)


@app.middleware("http")
def finish_response(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Nothing is cached unless it says otherwise, and Chalice's own errors look like ours."""
    try:
        response = get_response(event)
    except Exception:  # noqa: BLE001 - Chalice's own answer to whatever it stumbles over has neither form nor headers
        response = internal_error_response()
    content_type = response.headers.get("Content-Type")
    if response.status_code >= 400 and content_type != problems.CONTENT_TYPE:
        headers = {name: str(value) for name, value in response.headers.items() if name != "Content-Type"}
        answer = problems.answer_framework_problem(response.status_code, headers, request_id())
        response = Response(answer.body, {**answer.headers}, answer.status)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def request_id() -> str:
    """The id under which this invocation is found in the log."""
    return str(app.lambda_context.aws_request_id)


def refuse(error: Problem | SettingsError) -> Response:
    """The answer to an error; what only the operator may see goes to the log."""
    logger.warning(str(error), extra={"slug": problems.slug_of(error)})
    answer = problems.problem_response(error, request_id())
    return Response(answer.body, {**answer.headers}, answer.status)


def internal_error_response() -> Response:
    """The answer to a fault in our own code, or Chalice's, whose trace goes to the log."""
    logger.exception("A fault in rds-lifecycle itself.")
    answer = problems.answer_framework_problem(500, {}, request_id())
    return Response(answer.body, {**answer.headers}, answer.status)


def route(method: str, path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A JSON route behind the authorizer, whose errors are answered as application/problem+json."""

    def declare(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def answer(**parameters: str) -> Any:
            try:
                return view(**parameters)
            except (Problem, SettingsError) as error:
                return refuse(error)

        app.route(path, methods=[method], authorizer=authorize)(answer)
        return answer

    return declare


def caller_name() -> str:
    """The name of the token that the request carries."""
    return str(current_request().context["authorizer"]["principalId"])


def current_request() -> Request:
    """The request that is being answered; there always is one inside of a route."""
    return cast("Request", app.current_request)


def restarted_response(answer: RestartResult, location: str, run: Lifecycle) -> Response:
    """200 where the database is ready, otherwise 202 with where and when to look next."""
    body = responses.restart_to_json(answer, run.settings)
    if answer.ready:
        return Response(body)
    retry_after = responses.seconds_to_next_look(answer.view)
    return Response(body, {"Location": location, "Retry-After": str(retry_after)}, 202)


@app.authorizer()
def authorize(request: Any) -> AuthResponse:
    """Who the bearer is, and everything that this role may call. Never raises: a doubt is a refusal."""
    try:
        token = auth.bearer(str(request.token), read_settings(os.environ).access_tokens)
    except SettingsError as error:
        logger.error(str(error))
        token = None
    if token is None:
        return AuthResponse(routes=[], principal_id="nobody")
    routes: list[str | AuthRoute] = [AuthRoute(grant.path, list(grant.methods)) for grant in auth.grants(token.role)]
    return AuthResponse(routes=routes, principal_id=token.name, context={"role": token.role})


@app.route("/", methods=["GET"])
def status_page() -> Response:
    """The status page: static, and without any data of a database."""
    shown = page.render(read_deploy_time_settings(os.environ).dashboard_url)
    if shown.is_known_to(current_request().headers.get("if-none-match")):
        return Response("", {**shown.headers}, 304)
    return Response(shown.html, {**shown.headers})


@route("GET", "/databases")
def list_databases() -> Response:
    """Every minded database, as it stands, and the role of the bearer."""
    run = lifecycle()
    shown = [
        responses.missing_database_to_json(ref, view)
        if isinstance(view, DatabaseNotFound)
        else responses.database_to_json(view, run.settings)
        for ref, view in run.describe_all().items()
    ]
    return Response({"databases": shown}, {"Access-Role": current_request().context["authorizer"]["role"]})


@route("GET", "/databases/{database_id}")
def get_database(database_id: str) -> Any:
    """One database, as it stands. Changes nothing, prolongs nothing."""
    run = lifecycle()
    return responses.database_to_json(run.describe(run.database(database_id)), run.settings)


@route("POST", "/databases/{database_id}/restart")
def restart_database(database_id: str) -> Response:
    """Start the database, now or as soon as it can be."""
    run = lifecycle()
    answer = run.restart(run.database(database_id), by=caller_name())
    # The context's path carries API Gateway's stage or base path, which the route's path does not.
    base = str(current_request().context["path"]).rpartition("/databases/")[0]
    return restarted_response(answer, f"{base}/databases/{database_id}", run)


@route("POST", "/databases/{database_id}/activity")
def report_activity(database_id: str) -> Any:
    """Record that the database was queried now."""
    run = lifecycle()
    return responses.database_to_json(run.report_activity(run.database(database_id)), run.settings)


@route("PUT", "/databases/{database_id}/hold")
def hold_database(database_id: str) -> Any:
    """Do not stop the database before a given time."""
    run = lifecycle()
    ref = run.database(database_id)
    wanted = read_hold(body_of(current_request()))
    return responses.database_to_json(run.hold(ref, wanted, by=caller_name()), run.settings)


@route("DELETE", "/databases/{database_id}/hold")
def end_hold(database_id: str) -> Any:
    """Let the database sleep again when it is idle."""
    run = lifecycle()
    return responses.database_to_json(run.end_hold(run.database(database_id), by=caller_name()), run.settings)


@route("GET", "/databases/{database_id}/history")
def history_to_json(database_id: str) -> Any:
    """What happened to the database, how long it was awake, and what that saved."""
    run = lifecycle()
    ref = run.database(database_id)
    return responses.history_to_json(run.history(ref, read_days(current_request().query_params)), run.settings)


@app.schedule(Rate(int(declared.check_interval.total_seconds() // 60), unit=Rate.MINUTES))
def inactivity_check(event: Any) -> dict[str, Any]:
    """Reconcile every database: stop the idle, start what was asked for."""
    return {"results": [result.to_json() for result in lifecycle().check()]}


@app.on_cw_event(
    {
        "source": ["aws.rds"],
        "detail-type": [f"RDS DB {kind.capitalize()} Event" for kind in Kind],
        "detail": {"SourceIdentifier": [ref.id for ref in declared.databases] or ["no-database-is-configured"]},
    }
)
def database_event(event: Any) -> None:
    """Something happened to a database: look at it now. Nothing else in the event is believed."""
    run = lifecycle()
    ref = run.settings.database(str(event.detail.get("SourceIdentifier")))
    if ref is None:
        logger.info(
            "An event of a database that is not minded.", extra={"source": event.detail.get("SourceIdentifier")}
        )
        return
    run.react(ref)


@app.lambda_function()
def start_database(event: Any, context: Any) -> dict[str, Any]:
    """The restart route for callers inside AWS: {} for the default database, or {"database": "<id>"}."""
    app.lambda_context = context
    try:
        run = lifecycle()
        ref = run.database(read_start_payload(event))
        response = restarted_response(run.restart(ref, by="start_database"), f"/databases/{ref.id}", run)
    except (Problem, SettingsError) as error:
        response = refuse(error)
    except Exception:  # noqa: BLE001 - Lambda would show whatever is raised to the caller, with its text
        response = internal_error_response()
    return {name: value for name, value in response.to_dict().items() if name in ("statusCode", "headers", "body")}


if declared.warm_up_schedule is not None:

    @app.schedule(declared.warm_up_schedule)
    def warm_up(event: Any) -> dict[str, Any]:
        """Start every minded database before it is needed."""
        return {"results": [result.to_json() for result in lifecycle().warm_up(by="warm_up")]}
