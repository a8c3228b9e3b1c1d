"""The browser of these tests tells what a page complains of."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.browser import elements

from ...chromium import needs_chromium

PAGE = """<!DOCTYPE html><html>
<meta http-equiv="Content-Security-Policy" content="connect-src 'none'"><script>
console.log("said");
Promise.reject(new Error("rejected"));
fetch("https://example.invalid/refused").catch(() => 0);
addEventListener("securitypolicyviolation", () => {
  setTimeout(() => { document.documentElement.dataset.viewer = "ready"; });
  throw new Error("thrown");
});
</script>"""


@needs_chromium
def test_a_page_that_complains_fails_its_test(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(PAGE)
    with pytest.raises(AssertionError) as failure:
        elements(page, tmp_path)
    assert all(word in str(failure.value) for word in ("said", "rejected", "refused", "thrown"))
