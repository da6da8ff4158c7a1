"""A small execution environment of Lambda: AWS's runtime client in an isolated interpreter, and the Runtime API.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

import importlib.metadata
import json
import queue
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# Only a process that hangs reaches this limit.
PATIENCE = 120.0
_START = "import sys; sys.path[:0] = sys.argv[1].split(':'); from awslambdaric.__main__ import main; main(sys.argv[1:])"
_ANSWER = re.compile(r"/2018-06-01/runtime/(?:invocation/(?P<id>[^/]+)/(?P<kind>response|error)|(?P<init>init)/error)")


class FunctionError(Exception):
    """The function has raised an exception; with what Lambda returns for it."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        self.type = str(error.get("errorType"))
        super().__init__(str(error.get("errorMessage")))


@dataclass(frozen=True)
class Interpreter:
    """A Python with the zip, boto3, AWS's runtime client and the standard library."""

    task: Path
    runtime: Path

    def command(self, code: str, *arguments: str) -> list[str]:
        """The command that runs this code; its first argument is the beginning of sys.path.

        It writes no bytecode, because Lambda unpacks the zip read-only.
        """
        return [sys.executable, "-B", "-I", "-S", "-c", code, f"{self.task}:{self.runtime}", *arguments]


def install_runtime(folder: Path) -> Path:
    """Fill the folder like Lambda's /var/runtime: boto3, awslambdaric and what they require."""
    (folder / "__pycache__").mkdir(parents=True)
    for name in _with_requirements(("boto3", "awslambdaric")):
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or ():
            # A package is linked as a folder, a module together with its bytecode.
            linked = file if file.parts[0] == "__pycache__" else Path(file.parts[0])
            if file.parts[0] != ".." and not (folder / linked).exists():
                (folder / linked).symlink_to(Path(str(distribution.locate_file(linked))))
    return folder


def _with_requirements(names: Iterable[str]) -> set[str]:
    wanted, found = list(names), set()
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            requires = importlib.metadata.distribution(name).requires or []
            wanted += [re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in requires if "extra ==" not in line]
    return found


class Function:
    """One function in one execution environment. Invocations run one after the other, as in Lambda."""

    def __init__(self, name: str, api: "_RuntimeApi", process: "subprocess.Popen[str]") -> None:
        self.name = name
        self.lines: list[str] = []
        self._api = api
        self._process = process
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def invoke(self, event: Any) -> Any:
        """The function's response. Raises FunctionError."""
        self._api.invocations.put((str(uuid.uuid4()), json.dumps(event)))
        try:
            kind, body = self._api.answers.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"{self.name} does not respond:\n" + "".join(self.lines)) from None
        answer = json.loads(body)
        if kind != "response":
            raise FunctionError(answer)
        return answer

    def entries(self) -> list[dict[str, Any]]:
        """Its JSON log entries."""
        found = []
        for line in list(self.lines):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                found.append(entry)
        return found

    def peak_memory(self) -> int:
        """The peak memory of the runtime's process so far, in bytes: VmHWM of proc_pid_status(5)."""
        [line] = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self._process.pid}/status").read_text())
        return int(line) * 1024

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)


@contextmanager
def running(
    interpreter: Interpreter, name: str, handler: str, environ: Mapping[str, str], memory: int, timeout: int
) -> Iterator[Function]:
    """The function in an environment of its own. ``timeout`` is in seconds."""
    api = _RuntimeApi(name, timeout)
    group = f"/aws/lambda/{name}"
    lambda_environ = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(interpreter.task),
        "LAMBDA_RUNTIME_DIR": str(interpreter.runtime),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": group,
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/03/02/[$LATEST]0",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    process = subprocess.Popen(
        interpreter.command(_START, handler),
        cwd=interpreter.task,
        env={**lambda_environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = threading.Thread(target=api.serve_forever, args=(0.02,), daemon=True)
    server.start()
    function = Function(name, api, process)
    try:
        yield function
    finally:
        process.kill()
        process.wait(PATIENCE)
        function._reader.join(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()
        api.invocations.put(None)
        api.shutdown()
        server.join(PATIENCE)
        api.server_close()


class _RuntimeApi(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name: str, timeout: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
        self.function_timeout = timeout
        self.invocations: queue.Queue[tuple[str, str] | None] = queue.Queue()
        self.answers: queue.Queue[tuple[str, bytes]] = queue.Queue()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed runtime closes its connections, which is not an error; any other error is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a body waits 40 ms for the acknowledgement of its headers

    def do_GET(self) -> None:
        """The runtime requests the next invocation, and waits for it."""
        assert self.path == "/2018-06-01/runtime/invocation/next", self.path
        invocation = self.server.invocations.get()
        if invocation is None:
            return
        request_id, event = invocation
        deadline = int((time.time() + self.server.function_timeout) * 1000)
        self._answer(
            200,
            event.encode(),
            {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": self.server.arn,
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        """The runtime sends a response, or the error of the function or of its import."""
        match = _ANSWER.fullmatch(self.path)
        assert match is not None, self.path
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.answers.put((match["kind"] or "init error", body))
        self._answer(202, b'{"status": "OK"}', {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class gives it
        """Log nothing."""

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
