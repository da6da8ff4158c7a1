"""rds-lifecycle: starts an Amazon RDS database on request, and stops it when it is idle.

Declarations only. The work is done in chalicelib.
"""

import functools
import gc
import os
import sys
from collections.abc import Callable
from typing import Any, cast

from chalice.app import AuthResponse, AuthRoute, Chalice, CORSConfig, Rate, Request, Response

# What a cold start loads is never freed. By default, Python searches it for garbage again and again, which takes a
# twentieth of the cold start.
gc.set_threshold(50_000)

# Chalice packages chalicelib as it is: importing it for a deployment must not leave __pycache__ in it.
sys.dont_write_bytecode = True

from chalicelib import page
from chalicelib.api import auth, problems, responses
from chalicelib.api.requests import body_of, read_days, read_hold, read_start_payload
from chalicelib.bootstrap import connect
from chalicelib.domain.errors import DatabaseNotFound, Problem
from chalicelib.domain.model import Kind
from chalicelib.environment import environment
from chalicelib.service.lifecycle import AUTOMATIC_START_EVENTS, Lifecycle, RestartResult
from chalicelib.settings import Settings, SettingsError, read_deploy_time_settings, read_settings
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


def current_settings() -> Settings:
    """The current settings. Raises SettingsError."""
    return read_settings(environment(os.environ))


def service() -> Lifecycle:
    """The service on AWS, with the current settings. Raises SettingsError."""
    return connect(current_settings())


@app.middleware("all")
def add_request_id(event: Any, get_response: Callable[[Any], Any]) -> Any:
    """Add the request id to every log line of this invocation."""
    context = getattr(event, "lambda_context", None) or getattr(event, "context", None)
    logger.append_keys(request_id=getattr(context, "aws_request_id", None))
    return get_response(event)


@app.middleware("http")
def finish_response(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Forbid caching unless the response allows it, and give Chalice's own errors the form of ours."""
    try:
        response = get_response(event)
    except Exception:  # noqa: BLE001 - Chalice's response to an internal error has neither our form nor our headers
        response = internal_error_response()
    content_type = response.headers.get("Content-Type")
    if response.status_code >= 400 and content_type != problems.CONTENT_TYPE:
        headers = {name: str(value) for name, value in response.headers.items() if name != "Content-Type"}
        response = to_response(problems.framework_problem_response(response.status_code, headers, request_id()))
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def request_id() -> str:
    """The request id of this invocation, which every log line contains."""
    return str(app.lambda_context.aws_request_id)


def to_response(problem: problems.ProblemResponse) -> Response:
    """A problem as a response of Chalice."""
    return Response(problem.body, {**problem.headers}, problem.status)


def error_response(error: Problem | SettingsError) -> Response:
    """The response to an error. What only the operator may see goes to the log."""
    logger.warning(str(error), extra={"slug": error.slug})
    return to_response(problems.problem_response(error, request_id()))


def internal_error_response() -> Response:
    """The response to an unexpected exception, whose trace goes to the log."""
    logger.exception("Internal error.")
    return to_response(problems.framework_problem_response(500, {}, request_id()))


def route(method: str, path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A JSON route behind the authorizer, whose errors are answered as application/problem+json."""

    def declare(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def answer(**parameters: str) -> Any:
            try:
                return view(**parameters)
            except (Problem, SettingsError) as error:
                return error_response(error)

        app.route(path, methods=[method], authorizer=authorize)(answer)
        return answer

    return declare


def current_request() -> Request:
    """The current request. Within a route there always is one."""
    return cast("Request", app.current_request)


def caller_name() -> str:
    """The name of the request's token."""
    return str(current_request().context["authorizer"]["principalId"])


def restart_response(result: RestartResult, location: str, lifecycle: Lifecycle) -> Response:
    """200 where the database is ready, otherwise 202 with where and when to poll."""
    body = responses.restart_to_json(result, lifecycle.settings)
    if result.ready:
        return Response(body)
    retry_after = responses.retry_after_seconds(result.view)
    return Response(body, {"Location": location, "Retry-After": str(retry_after)}, 202)


@app.authorizer()
def authorize(request: Any) -> AuthResponse:
    """The token's name, and all routes that its role may call. Never raises: an error denies access."""
    try:
        token = auth.authenticate(str(request.token), current_settings().access_tokens)
    except SettingsError as error:
        logger.error(str(error))
        token = None
    if token is None:
        return AuthResponse(routes=[], principal_id="nobody")
    grants = auth.route_grants(token.role)
    routes: list[str | AuthRoute] = [AuthRoute(grant.path, list(grant.methods)) for grant in grants]
    return AuthResponse(routes=routes, principal_id=token.name, context={"role": token.role})


@app.route("/", methods=["GET"])
def status_page() -> Response:
    """The status page: static, without any data of a database."""
    document = page.render(read_deploy_time_settings(os.environ).dashboard_url)
    if document.is_known_to(current_request().headers.get("if-none-match")):
        return Response("", {**document.headers}, 304)
    return Response(document.html, {**document.headers})


@route("GET", "/databases")
def list_databases() -> Response:
    """The state of every managed database, and the role of the caller."""
    lifecycle = service()
    databases = [
        responses.missing_database_to_json(ref, view)
        if isinstance(view, DatabaseNotFound)
        else responses.database_to_json(view, lifecycle.settings)
        for ref, view in lifecycle.describe_all().items()
    ]
    return Response({"databases": databases}, {"Access-Role": current_request().context["authorizer"]["role"]})


@route("GET", "/databases/{database_id}")
def get_database(database_id: str) -> Any:
    """The state of one database. Changes nothing, does not extend the idle timer."""
    lifecycle = service()
    return responses.database_to_json(lifecycle.describe(lifecycle.database(database_id)), lifecycle.settings)


@route("POST", "/databases/{database_id}/restart")
def restart_database(database_id: str) -> Response:
    """Start the database, now or as soon as possible."""
    lifecycle = service()
    ref = lifecycle.database(database_id)
    result = lifecycle.restart(ref, by=caller_name())
    # The context's path includes API Gateway's stage or base path; the route's path does not.
    base = str(current_request().context["path"]).rpartition("/databases/")[0]
    return restart_response(result, f"{base}/databases/{ref.id}", lifecycle)


@route("POST", "/databases/{database_id}/activity")
def report_activity(database_id: str) -> Any:
    """Record that the database was queried now."""
    lifecycle = service()
    view = lifecycle.report_activity(lifecycle.database(database_id))
    return responses.database_to_json(view, lifecycle.settings)


@route("PUT", "/databases/{database_id}/hold")
def hold_database(database_id: str) -> Any:
    """Do not stop the database before a given time."""
    lifecycle = service()
    ref = lifecycle.database(database_id)
    wanted = read_hold(body_of(current_request()))
    return responses.database_to_json(lifecycle.hold(ref, wanted, by=caller_name()), lifecycle.settings)


@route("DELETE", "/databases/{database_id}/hold")
def end_hold(database_id: str) -> Any:
    """End the hold, so that the database is stopped when it is idle."""
    lifecycle = service()
    view = lifecycle.end_hold(lifecycle.database(database_id), by=caller_name())
    return responses.database_to_json(view, lifecycle.settings)


@route("GET", "/databases/{database_id}/history")
def show_history(database_id: str) -> Any:
    """What happened to the database, how long it was running, and what that saved."""
    lifecycle = service()
    ref = lifecycle.database(database_id)
    history = lifecycle.history(ref, read_days(current_request().query_params))
    return responses.history_to_json(history, lifecycle.settings)


@app.schedule(Rate(int(declared.check_interval.total_seconds() // 60), unit=Rate.MINUTES))
def inactivity_check(event: Any) -> dict[str, Any]:
    """Reconcile every database: stop the idle ones, start those with a pending restart."""
    return {"results": [result.to_json() for result in service().check()]}


# The pattern names no ids, because EventBridge accepts at most 2,048 characters; the function ignores other databases.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
@app.on_cw_event({"source": ["aws.rds"], "detail-type": [f"RDS DB {kind.capitalize()} Event" for kind in Kind]})
def database_event(event: Any) -> None:
    """Reconcile the database that the event names. Of the rest, only the announcement of an automatic start is used."""
    settings = current_settings()
    source = event.detail.get("SourceIdentifier")
    ref = settings.database(str(source))
    if ref is None:
        # Before AWS clients are created: most events of a large account are for other databases.
        logger.debug("The event is for a database that is not managed.", extra={"source": source})
        return
    is_announced = event.detail.get("EventID") == AUTOMATIC_START_EVENTS[ref.kind]
    connect(settings).handle_event(ref, automatic_start_announced=is_announced)


@app.lambda_function()
def start_database(event: Any, context: Any) -> dict[str, Any]:
    """The restart route for callers within AWS: {} for the default database, or {"database": "<id>"}."""
    app.lambda_context = context
    try:
        lifecycle = service()
        ref = lifecycle.database(read_start_payload(event))
        result = lifecycle.restart(ref, by="start_database")
        response = restart_response(result, f"/databases/{ref.id}", lifecycle)
    except (Problem, SettingsError) as error:
        response = error_response(error)
    except Exception:  # noqa: BLE001 - Lambda would show the exception's text to the caller
        response = internal_error_response()
    return {name: value for name, value in response.to_dict().items() if name in ("statusCode", "headers", "body")}


if declared.warm_up_schedule is not None:

    @app.schedule(declared.warm_up_schedule)
    def warm_up(event: Any) -> dict[str, Any]:
        """Start every managed database before it is needed."""
        return {"results": [result.to_json() for result in service().warm_up(by="warm_up")]}
