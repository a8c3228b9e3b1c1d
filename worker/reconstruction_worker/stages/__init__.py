"""One module for each stage, with `run(context) -> StageOutput`; imported only in the stage's own process."""
