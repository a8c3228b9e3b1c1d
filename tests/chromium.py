"""What tests that show a page need."""

from __future__ import annotations

import pytest

from harness.browser import CHROMIUM

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
