"""Code versions that can't be forgotten: what the code of each stage was when somebody last said what its change means.

`code-versions.txt` has a line for each module that some stage uses, with a digest of its code and the stages; and a
line for each stage with its code version. When code has changed, the developer says which it is: the stage's files
change for the same input (`code_version` in `reconstruction_api.stage_table` is raised), or they do not
(`make same-results`).
"""
