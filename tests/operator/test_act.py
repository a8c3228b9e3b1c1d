"""What is written to the API server."""

from __future__ import annotations

from reconstruction_api.status import ReconstructionJobStatus
from reconstruction_operator.act import status_document
from reconstruction_operator.decide import decide

from .builders import NOW, observed


def test_a_status_holds_no_empty_members_and_reads_back_as_it_was() -> None:
    seen = observed()
    status = decide(seen, NOW).status
    assert status is not None
    written = status_document(seen.job, status)["status"]
    assert not {"artifacts", "checkpoints", "metrics"} & written.keys()
    assert written["stages"][0] == {"name": "ingest", "state": "Pending"}
    assert written["progress"]["percent"] == 0 and all("message" in each for each in written["conditions"])
    assert ReconstructionJobStatus.model_validate(written) == status
