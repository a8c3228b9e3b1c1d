"""Stage `render` from what was published: the turntable is among the files that the report delivers again."""

from __future__ import annotations

from ..stage import StageContext, StageOutput


def run(context: StageContext) -> StageOutput:
    """There is nothing to do: a turntable that was not published is refused by the stages beside this one."""
    return StageOutput("as it was published")
