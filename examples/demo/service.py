"""The service: projects, and tests generated for them."""

import ast
import time
from pathlib import Path

import fastapi
from fastapi import FastAPI, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel

import testpilot_obs as obs
from examples.demo import model, telemetry
from examples.demo.store import Store

MAX_ATTEMPTS = 2

log = obs.get_logger("testpilot.api")


class NewProject(BaseModel):
    """Body of ``POST /projects``."""

    name: str


class Wish(BaseModel):
    """Body of ``POST /generate``."""

    project_id: int
    source: str
    thorough: bool = False


class Generated(BaseModel):
    """Answer of ``POST /generate``."""

    id: int
    code: str


def create_app(database: Path) -> FastAPI:
    """Return the application, keeping its data in *database*."""
    # FastAPI 0.16x makes server spans of its own, and they would nest with ours. Here each request
    # is a transaction instead, made by the middleware, with whatever version of FastAPI.
    app = FastAPI(title="TestPilot API in small", telemetry={"tracing": False})
    store = Store(database)
    app.add_middleware(telemetry.Requests, routes=app.router.routes)
    app.add_exception_handler(model.ModelOverloadedError, _overloaded)

    @app.post("/projects", status_code=201)
    def add_project(project: NewProject) -> dict[str, int]:
        project_id = store.add_project(project.name)
        log.info("project created", project_id=project_id)
        return {"id": project_id}

    @app.get("/projects")
    def list_projects() -> dict[int, str]:
        return store.project_names()

    @app.post("/generate")
    async def generate(wish: Wish) -> Generated:
        return await _generate(store, wish)

    return app


async def _generate(store: Store, wish: Wish) -> Generated:
    name = await run_in_threadpool(store.project_name, wish.project_id)
    if name is None:
        log.warning("unknown project", project_id=wish.project_id)
        raise HTTPException(404, f"no project {wish.project_id}")
    obs.bind(project=name)
    log.info("generation started", characters=len(wish.source), thorough=wish.thorough)
    status, started = "error", time.perf_counter()
    try:
        _check(wish.source)
        answer = await _ask_model(wish)
        kept = await run_in_threadpool(store.add_generation, wish.project_id, answer.code)
        status = "success"
    finally:
        duration_s = time.perf_counter() - started
        telemetry.record_code_generation(status, wish.project_id, duration_s)
    log.info("generation finished", generation_id=kept, tokens=answer.output_tokens)
    return Generated(id=kept, code=answer.code)


@obs.traced
def _check(source: str) -> None:
    """Refuse what is not Python."""
    try:
        ast.parse(source)
    except SyntaxError as error:
        raise HTTPException(422, f"not Python: {error.msg}") from error


async def _ask_model(wish: Wish) -> model.Answer:
    """Ask, and ask again if the model is overloaded."""
    with obs.span("ask model", {"gen_ai.request.model": "demo-1"}) as span:
        for attempt in range(1, MAX_ATTEMPTS):
            try:
                return await _ask_once(wish, attempt)
            except model.ModelOverloadedError as error:
                span.add_event("retry", {"attempt": attempt})
                log.warning("model overloaded, asking again", attempt=attempt, error=str(error))
        return await _ask_once(wish, MAX_ATTEMPTS)


async def _ask_once(wish: Wish, attempt: int) -> model.Answer:
    with obs.span("model call", attempt=attempt) as span:
        answer = await model.complete(wish.source, thorough=wish.thorough, attempt=attempt)
        span.set_attribute("gen_ai.usage.output_tokens", answer.output_tokens)
        return answer


async def _overloaded(_request: fastapi.Request, error: Exception) -> JSONResponse:
    """Answer 503 when the model stays overloaded."""
    log.error("generation failed", error=str(error))
    return JSONResponse({"detail": "the model is overloaded"}, status_code=503)
