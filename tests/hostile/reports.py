"""Termination messages that no worker of ours writes: of newer ones, broken ones, and of programs that mean harm."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Any

from reconstruction_api.worker import PodReport

STEERING = "\x1b[2J\r\nlevel=error forged\u2028second\u202etxt.exe\x9b31m\x00\x7f"
SUM = "0" * 64
OTHERS = "pvc://victim-workspace/artifacts/model.glb"


class Raw(PodReport):
    """Says exactly this."""

    text: str = ""

    def to_termination_message(self) -> str:
        return self.text


@dataclass(frozen=True)
class HostileReport:
    """A message, and what is to become of the attempt: `reason` is the failure's code, empty where the class counts as
    done because the pod ended with status 0."""

    name: str
    text: str
    exit_code: int = 0
    reason: str = ""


def packed(text: str) -> str:
    return "z:" + base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def said(**fields: Any) -> str:
    return json.dumps(fields)


def failed(code: Any = "EmptyMesh", **fields: Any) -> dict[str, Any]:
    known = {"code": code, "category": "Model", "message": "broken", "suggestion": "none", "retryable": False}
    return known | fields


def artifact(**fields: Any) -> dict[str, Any]:
    known = {"name": "model.glb", "format": "GLB", "uri": OTHERS, "sizeBytes": 1, "sha256": SUM, "mediaType": "x/y"}
    return known | fields


REPORTS = [
    HostileReport("a failure that unpacks to megabytes", packed(said(failure=failed(message="a" * 2_500_000))), 70,
                  "InternalError"),
    HostileReport("180,000 metrics", packed(said(metrics={f"m{number:06}": "0" for number in range(180_000)})), 0,
                  "InternalError"),
    HostileReport("4,000 metrics", packed(said(metrics={f"m{number:04}": 0 for number in range(4_000)}))),
    HostileReport("a packed message that breaks off", packed(said(metrics={"a": 1}))[:-6], 0, "InternalError"),
    HostileReport("a code that is no word", said(failure=failed("out-of-memory (own)")), 3, "InternalError"),
    HostileReport("a code of a newer release", said(failure=failed("LensDirty")), 3, "InternalError"),
    HostileReport("a code with a line end", said(failure=failed("EmptyMesh\nSucceeded")), 3, "InternalError"),
    HostileReport("a code that is no text", said(failure=failed(["EmptyMesh"])), 3, "InternalError"),
    HostileReport("a failure that calls itself another kind",
                  said(failure=failed("EmptyMesh", category="Fun", retryable=True)), 3, "EmptyMesh"),
    HostileReport("a failure that lacks all but its code", said(failure={"code": "EmptyMesh"}), 3, "EmptyMesh"),
    HostileReport("texts that steer terminals and forge lines",
                  said(failure=failed(message=STEERING, suggestion=STEERING, stage=STEERING,
                                      details={STEERING: [STEERING]})), 3, "EmptyMesh"),
    HostileReport("details without end", said(failure=failed(details={f"d{n}": {"x": "y" * 60} for n in range(40)})), 3,
                  "EmptyMesh"),
    HostileReport("a number of 64 bits and one", said(metrics={"points": 2**63, "less": -(2**63) - 1, "psnr": "27"})),
    HostileReport("a number of 3,900 digits", '{"metrics": {"points": 1' + "0" * 3900 + "}}"),
    HostileReport("numbers that are none", '{"metrics": {"a": NaN, "b": Infinity, "c": 1e999}, "stages": [NaN]}'),
    HostileReport("4,000 lists in each other", "[" * 4000, 0, "InternalError"),
    HostileReport("lists in each other within a failure",
                  '{"failure": {"code": "EmptyMesh", "details": {"a": ' + "[" * 1500 + "]" * 1500 + "}}}", 3,
                  "InternalError"),
    HostileReport("a name twice", '{"metrics": {"psnr": "1", "psnr": "2"}, "metrics": {"psnr": "3"}}'),
    HostileReport("half a surrogate", '{"failure": {"code": "EmptyMesh", "message": "\\ud800", "\\udc00": 1}}', 3,
                  "EmptyMesh"),
    HostileReport("every field of another type", said(stages="all", metrics=[1], artifacts={"a": 1}, checkpoints=7,
                                                     failure="no", pausedAfter=3), 3, "InternalError"),
    HostileReport("entries of other types", said(stages=[1, None, "x", [], {}], artifacts=[None, 3], checkpoints=[{}])),
    HostileReport("stages and artifacts of other pods",
                  said(stages=[{"name": "report", "digest": SUM}, {"name": "train", "digest": SUM}],
                       artifacts=[artifact()], checkpoints=[{"name": "x", "step": 1, "sizeBytes": 1, "sha256": SUM}])),
    HostileReport("artifacts that lead elsewhere",
                  said(artifacts=[artifact(), artifact(name="../../.bashrc", uri="pvc://statue-workspace/a"),
                                  artifact(uri="javascript:alert(1)"), artifact(uri="pvc://statue-workspace/../x"),
                                  artifact(sizeBytes=-1), artifact(sha256="x")])),
    HostileReport("a pause after a stage that there is not", said(pausedAfter="polish", metrics={"a": 1})),
    HostileReport("no JSON at all", STEERING, 3, "InternalError"),
]  # fmt: skip
