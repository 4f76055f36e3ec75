"""What surrounds every call: a request id, the clock, one log line, and the mapper of errors.

The mapper is the only place where an exception becomes a status. A servicer raises GraftError; a
cancelled call stays cancelled; anything else is a bug of ours: INTERNAL for the caller, a traceback
under the request id in the log.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import grpc

from graft.channel import REQUEST_ID_KEY
from graft.errors import GraftError, Internal, Unavailable
from graft.status import STATUS_KEY, to_status
from services.common import metrics, telemetry

_LOG = logging.getLogger(__name__)

RETRY_ELSEWHERE_S: Final = 0.1
MAX_TEXT_BYTES: Final = 1_000
MAX_DATUM_BYTES: Final = 250
"""Of the text of an error that is sent, and of each of its metadata."""
_Details = grpc.HandlerCallDetails
_Continuation = Callable[[_Details], Awaitable[Any]]


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every method of Graft; gRPC's own services (health, reflection) pass untouched.

    Owns the count of calls in flight, and refuses new ones once told to drain.
    """

    def __init__(self) -> None:
        self._in_flight = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def drain(self, quiet_s: float) -> None:
        """Refuse new calls; return when none is in flight, after `quiet_s` at the soonest.

        gRPC cancels a call that arrives in the very moment of a server's stop. The refusals, which
        callers retry elsewhere, and health, which they watch, empty the line before that moment.
        """
        self._draining = True
        await asyncio.sleep(quiet_s)
        await self._idle.wait()

    def enter(self) -> None:
        """Count a call in; raise Unavailable when the server is draining."""
        self._in_flight += 1
        self._idle.clear()
        metrics.IN_FLIGHT.inc()
        if self._draining:
            raise Unavailable(
                "this server is stopping; another replica will answer",
                reason="NOT_SERVING",
                retry_after_s=RETRY_ELSEWHERE_S,
            )

    def leave(self) -> None:
        """Count a call out."""
        self._in_flight -= 1
        metrics.IN_FLIGHT.dec()
        if not self._in_flight:
            self._idle.set()

    async def intercept_service(self, continuation: _Continuation, details: _Details) -> Any:
        """Answer the handler with the surroundings around it."""
        handler = await continuation(details)
        if handler is None or details.method.startswith("/grpc."):
            return handler
        received = dict(details.invocation_metadata or ()).get(REQUEST_ID_KEY, "")
        return _wrap(handler, _Surroundings(self, details.method, str(received)))


class _Surroundings:
    """One call's method and the request id that came with it."""

    def __init__(self, calls: CallInterceptor, method: str, received: str) -> None:
        self._calls = calls
        self.method = method
        self.received = received

    async def around(
        self, context: grpc.aio.ServicerContext[Any, Any], begin: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Await the answer, mapping what goes wrong; count and log it however it ends."""
        identity = telemetry.begin_request(self.received)
        context.set_trailing_metadata(((REQUEST_ID_KEY, identity),))
        started, code = time.monotonic(), "OK"
        try:
            self._calls.enter()
            return await begin()
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except Exception as error:  # the mapper: every other exception ends here, answered
            failure = _as_graft(error)
            code = failure.code
            await _abort(context, failure, identity)
        finally:
            self._calls.leave()
            self._record(code, time.monotonic() - started)

    def _record(self, code: str, seconds: float) -> None:
        metrics.REQUESTS.labels(self.method, code).inc()
        metrics.REQUEST_SECONDS.labels(self.method, code).observe(seconds)
        extra = {"method": self.method, "code": code, "seconds": round(seconds, 6)}
        _LOG.info("call", extra=extra)


def _as_graft(error: Exception) -> GraftError:
    if isinstance(error, GraftError):
        return error
    _LOG.error("a bug: %s", type(error).__name__, exc_info=error)
    identity = telemetry.request_id()
    return Internal(
        f"an internal error; the server's log tells more under request id {identity}",
        metadata={"request_id": identity},
    )


def _fitting(error: GraftError) -> GraftError:
    """An error whose texts fit in the trailers of a call, which gRPC limits to 8 KiB: what a caller
    sent may be told in it, and comes back four times."""
    return type(error)(
        _cut(error.message, MAX_TEXT_BYTES),
        reason=error.reason,
        field=_cut(error.field, MAX_DATUM_BYTES),
        metadata={key: _cut(text, MAX_DATUM_BYTES) for key, text in error.metadata.items()},
        retry_after_s=error.retry_after_s,
    )


def _cut(text: str, most: int) -> str:
    """Its beginning, which names the item, and its end, which tells what came."""
    raw = text.encode(errors="replace")
    if len(raw) <= most:
        return text
    head, tail = raw[: 2 * most // 3], raw[-most // 4 :]
    return f"{head.decode(errors='ignore')} ... {tail.decode(errors='ignore')}"


async def _abort(
    context: grpc.aio.ServicerContext[Any, Any], error: GraftError, identity: str
) -> None:
    error = _fitting(error)
    trailing = (
        (REQUEST_ID_KEY, identity),
        (STATUS_KEY, to_status(error).SerializeToString()),
    )
    await context.abort(grpc.StatusCode[error.code], error.message, trailing)


def _wrap(handler: Any, surroundings: _Surroundings) -> Any:
    """Rebuild a handler of any of the four kinds around `surroundings`."""
    inner = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )

    async def one(request: Any, context: Any) -> Any:
        return await surroundings.around(context, lambda: inner(request, context))

    async def many(request: Any, context: Any) -> None:
        await surroundings.around(context, lambda: _forward(inner(request, context), context))

    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[handler.request_streaming, handler.response_streaming]
    return make(
        many if handler.response_streaming else one,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


async def _forward(answers: AsyncGenerator[Any, None], context: Any) -> None:
    """Write all answers; however that ends, the servicer has cleaned up when it has."""
    async with aclosing(answers):
        async for answer in answers:
            await context.write(answer)
