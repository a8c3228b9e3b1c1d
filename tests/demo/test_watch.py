from demo import watch

RUNNING = {
    "stage": "train",
    "progress": {
        "percent": 41,
        "step": 480,
        "totalSteps": 1200,
        "etaSeconds": 75,
        "loss": "0.01234",
        "psnr": "24.06",
        "memoryBytes": 1_200_000_000,
    },
    "stages": [
        {"name": "ingest", "state": "Succeeded", "message": "40 photos"},
        {"name": "poses", "state": "Succeeded", "message": ""},
        {"name": "train", "state": "Running", "message": ""},
    ],
    "conditions": [{"type": "Succeeded", "status": "Unknown"}],
}


def test_one_line_says_stage_step_loss_quality_and_time_left() -> None:
    text = watch.summary(RUNNING)
    assert text == " 41 % · train · step 480 of 1200 · loss 0.0123 · PSNR 24.1 dB · 1.2 GB · 1 min 15 s left"


def test_a_job_that_nobody_has_looked_at_yet_is_waiting() -> None:
    assert watch.summary({}) == "  0 % · waiting"


def test_only_ended_stages_are_listed() -> None:
    assert watch.ended_stages(RUNNING) == ["  ✓ ingest: 40 photos", "  ✓ poses: succeeded"]


def test_a_job_has_ended_only_when_succeeded_is_true_or_false() -> None:
    assert not watch.has_ended(RUNNING)
    assert not watch.has_ended({})
    assert watch.has_ended({"conditions": [{"type": "Succeeded", "status": "False"}]})
