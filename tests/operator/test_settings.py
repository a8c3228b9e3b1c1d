"""Where settings come from."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from reconstruction_operator.settings import Settings

PREFIX = "RECONSTRUCTION_OPERATOR_"


def test_flags_win_over_the_environment_and_that_over_defaults() -> None:
    environment = {PREFIX + "HTTP_PORT": "9000", PREFIX + "LOG_LEVEL": "DEBUG"}
    settings = Settings.load(["--http-port", "9001"], environment)
    assert (settings.http_port, settings.log_level, settings.concurrency) == (9001, "DEBUG", 16)


def test_namespaces_are_separated_by_commas_and_none_means_all() -> None:
    assert Settings.load(["--namespaces=museum, lab"], {}).namespaces == ("museum", "lab")
    assert Settings.load([], {PREFIX + "NAMESPACES": ""}).namespaces == ()


def test_a_pod_names_itself_in_the_lease() -> None:
    settings = Settings.load([], {"POD_NAME": "operator-0", "POD_NAMESPACE": "system", "POD_IP": "10.0.0.7"})
    assert (settings.identity, settings.lease_namespace) == ("operator-0", "system")
    assert settings.advertise_url == "http://10.0.0.7:8081"


def test_a_wrong_value_is_named_by_its_setting() -> None:
    with pytest.raises(ValidationError, match="http_port"):
        Settings.load(["--http-port=many"], {})


def test_an_unknown_flag_ends_the_process() -> None:
    with pytest.raises(SystemExit):
        Settings.load(["--htp-port=1"], {})


def test_the_workers_port_is_the_one_after_the_probes_unless_it_is_named() -> None:
    assert Settings.load(["--http-port=9000"], {}).workers_port == 9001
    assert Settings.load(["--progress-port=9900"], {}).workers_port == 9900
    assert Settings.load(["--http-port=0"], {}).workers_port == 0


@pytest.mark.parametrize("flags", [["--http-port=65535"], ["--http-port=9000", "--progress-port=9000"]])
def test_ports_that_can_not_both_be_had_are_refused_by_name(flags: list[str]) -> None:
    with pytest.raises(ValidationError, match="progress_port"):
        Settings.load(flags, {})
