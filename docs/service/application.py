"""Says to a visitor whether his client certificate is accepted, and if not, why: uvicorn --uds application.sock application:app."""

from __future__ import annotations

import logging
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse

import chaincheck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def checker(app: FastAPI) -> AsyncIterator[None]:
    """One checker for the life of the process: it remembers what it has learnt."""
    guard = chaincheck.Guard(allow=tuple(os.environ.get("PKI_HOSTS", "").split()))
    async with chaincheck.AsyncChecker(
        store=os.environ["PKI_STORE"], rules=chaincheck.RFC5280, limits=chaincheck.Limits.hostile(), guard=guard
    ) as app.state.checker:
        yield


log = logging.getLogger(__name__)
app = FastAPI(lifespan=checker)


@app.get("/")
async def welcome(
    request: Request, x_client_cert: Annotated[str, Header()] = "", accept_language: Annotated[str, Header()] = ""
) -> JSONResponse:
    """200 for who is accepted; 403 with the causes in his language for everybody else."""
    try:
        certificate = chaincheck.from_header(x_client_cert, "nginx")
    except chaincheck.InputError as error:
        log.error("the header of the proxy cannot be read: %s", error)
        return JSONResponse({"error": "the proxy does not hand on certificates as it should"}, status_code=500)
    diagnosis = await request.app.state.checker.diagnose(certificate)
    if diagnosis.accepted:
        return JSONResponse({"welcome": str(diagnosis.subject.subject)})
    wanted = [each.strip()[:2].lower() for each in accept_language.split(",")]
    lang = next((each for each in wanted if each in ("en", "ja")), "en")
    return JSONResponse(diagnosis.to_dict(audience="client", lang=lang), status_code=403)
